"""Drives the playground with boto3 and the AWS CLI, and stops at the first thing that is not as on AWS.

Usage: check_playground.py http://127.0.0.1:PORT
"""

import datetime
import json
import subprocess
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL = sys.argv[1]
NAME = "www.example.com"
CONFIG = Config(retries={"total_max_attempts": 1})
route53 = boto3.client("route53", endpoint_url=URL, config=CONFIG)
cloudwatch = boto3.client("cloudwatch", endpoint_url=URL, config=CONFIG)


def member(identifier, weight, address, ttl=30, name=NAME):
    return {
        "Name": name,
        "Type": "A",
        "SetIdentifier": identifier,
        "Weight": weight,
        "TTL": ttl,
        "ResourceRecords": [{"Value": address}],
    }


def change(zone, *changes, comment="from boto3"):
    batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
    return route53.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Comment": comment, "Changes": batch}
    )["ChangeInfo"]


def refused(code, text, call):
    try:
        call()
    except ClientError as error:
        got = error.response["Error"]
        assert got["Code"] == code, f"{got['Code']} instead of {code}: {got}"
        assert text in got["Message"], f"'{text}' is not in: {got['Message']}"
        return error
    raise AssertionError(f"{code} was expected: {text}")


def wait_insync(change_id):
    # The waiter asks again and again; what it waits for is the event.
    waiter = route53.get_waiter("resource_record_sets_changed")
    waiter.wait(Id=change_id, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert route53.get_change(Id=change_id)["ChangeInfo"]["Status"] == "INSYNC"


def listed(zone, **start):
    sets = route53.list_resource_record_sets(HostedZoneId=zone, **start)
    return sets["ResourceRecordSets"], sets


def check_changes(zone):
    legacy, cloud = member("legacy", 100, "192.0.2.10"), member("cloud", 0, "198.51.100.10")
    info = change(zone, ("CREATE", legacy), ("CREATE", cloud), comment="first step")
    assert info["Status"] == "PENDING" and info["Comment"] == "first step", info
    assert info["Id"].startswith("/change/C"), info
    records, _ = listed(zone, StartRecordName=NAME, StartRecordType="A")
    assert [(r["SetIdentifier"], r["Weight"]) for r in records] == [("cloud", 0), ("legacy", 100)], records
    assert records[0]["Name"] == "www.example.com.", records
    wait_insync(info["Id"])

    mismatch = (
        "Tried to delete resource record set [name='www.example.com.', type='A', set-identifier='legacy'] "
        "but the values provided do not match the current values"
    )
    error = refused("InvalidChangeBatch", mismatch, lambda: change(zone, ("DELETE", {**legacy, "TTL": 31})))
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    refused("InvalidChangeBatch", mismatch, lambda: change(zone, ("DELETE", {**legacy, "Weight": 99})))
    refused("InvalidChangeBatch", "but it was not found", lambda: change(zone, ("DELETE", member("x", 1, "192.0.2.1"))))
    refused("InvalidChangeBatch", "but it already exists", lambda: change(zone, ("CREATE", legacy)))
    refused(
        "InvalidChangeBatch",
        "cannot be created as other RRSets exist with the same name and type.",
        lambda: change(
            zone, ("CREATE", {"Name": NAME, "Type": "A", "TTL": 30, "ResourceRecords": [{"Value": "192.0.2.1"}]})
        ),
    )
    refused(
        "InvalidChangeBatch",
        "cannot be created as weighted sets must contain the same TTL.",
        lambda: change(zone, ("CREATE", member("third", 1, "192.0.2.3", ttl=60))),
    )
    refused("NoSuchChange", "CNONE", lambda: route53.get_change(Id="CNONE"))
    refused("NoSuchHostedZone", "ZNONE", lambda: route53.get_hosted_zone(Id="ZNONE"))

    before = listed(zone)[0]
    refused(
        "InvalidChangeBatch",
        "but it was not found",
        lambda: change(
            zone,
            ("DELETE", legacy),
            ("CREATE", {**legacy, "Weight": 1}),
            ("DELETE", member("x", 1, "192.0.2.1")),
        ),
    )
    assert listed(zone)[0] == before, "a refused batch leaves everything as it was"

    verbatim = listed(zone, StartRecordName=NAME, StartRecordType="A")[0]
    swap = [("DELETE", r) for r in verbatim] + [("CREATE", {**r, "Weight": 50}) for r in verbatim]
    change(zone, *swap)
    assert [r["Weight"] for r in listed(zone, StartRecordName=NAME, StartRecordType="A")[0]] == [50, 50]


def check_paging(zone):
    name = "many.example.com"
    change(zone, *[("CREATE", member(f"m{i:02}", i, "192.0.2.1", name=name)) for i in range(12)])
    seen, start = [], {"StartRecordName": name, "StartRecordType": "A"}
    while True:
        records, page = listed(zone, MaxItems="5", **start)
        seen += [r["SetIdentifier"] for r in records if r["Name"] == f"{name}."]
        if not page["IsTruncated"] or page["NextRecordName"] != f"{name}.":
            break
        start = {
            "StartRecordName": page["NextRecordName"],
            "StartRecordType": page["NextRecordType"],
            "StartRecordIdentifier": page["NextRecordIdentifier"],
        }
    assert seen == [f"m{i:02}" for i in range(12)], seen
    everything = route53.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=zone, PaginationConfig={"PageSize": 4}
    )
    count = sum(len(page["ResourceRecordSets"]) for page in everything)
    assert count == route53.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"], count
    change(zone, ("CREATE", {"Name": "*.Example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"<x>"'}]}))
    wild = [r for r in listed(zone)[0] if r["Type"] == "TXT"]
    assert wild[0]["Name"] == "\\052.example.com." and wild[0]["ResourceRecords"][0]["Value"] == '"<x>"', wild


def check_metrics():
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    start = now - datetime.timedelta(minutes=10)
    dimensions = [{"Name": "Endpoint", "Value": "cloud"}]
    cloudwatch.put_metric_data(
        Namespace="App",
        MetricData=[
            {"MetricName": "Requests", "Dimensions": dimensions, "Timestamp": start + datetime.timedelta(minutes=m, seconds=7), "Value": 10.0 * m}
            for m in (1, 2, 4)
        ],
    )
    query = {
        "Id": "requests",
        "MetricStat": {
            "Metric": {"Namespace": "App", "MetricName": "Requests", "Dimensions": dimensions},
            "Period": 60,
            "Stat": "Sum",
        },
    }

    def read(queries, **more):
        return cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=now, **more)

    series = read([query])["MetricDataResults"][0]
    assert series["StatusCode"] == "Complete" and series["Values"] == [40.0, 20.0, 10.0], series
    assert series["Timestamps"][2] == start + datetime.timedelta(minutes=1), series
    assert read([query], ScanBy="TimestampAscending")["MetricDataResults"][0]["Values"] == [10.0, 20.0, 40.0]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query], StartTime=start, EndTime=now, MaxDatapoints=1
    )
    assert [v for page in pages for r in page["MetricDataResults"] for v in r["Values"]] == [40.0, 20.0, 10.0]
    other = json.loads(json.dumps(query))
    other["MetricStat"]["Metric"]["Namespace"] = "Other"
    assert read([other])["MetricDataResults"][0]["Values"] == []
    refused("ValidationError", "not unique", lambda: read([query, query]))
    refused("ValidationError", "metric math", lambda: read([query, {"Id": "e", "Expression": "requests * 2"}]))
    refused("ValidationError", "StartTime", lambda: cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=now, EndTime=start))
    metrics = cloudwatch.list_metrics(Namespace="App")["Metrics"]
    assert metrics == [{"Namespace": "App", "MetricName": "Requests", "Dimensions": dimensions}], metrics


def check_alarms():
    rule = {"AlarmActions": [], "ActionsEnabled": False}
    cloudwatch.put_metric_alarm(
        AlarmName="latency", Namespace="App", MetricName="Latency", Statistic="Average", Period=60, EvaluationPeriods=3,
        Threshold=0.8, ComparisonOperator="GreaterThanThreshold", **rule,
    )
    cloudwatch.put_composite_alarm(AlarmName="site", AlarmRule="ALARM(latency)", **rule)
    metric = cloudwatch.describe_alarms()
    assert [a["AlarmName"] for a in metric["MetricAlarms"]] == ["latency"] and not metric["CompositeAlarms"], metric
    assert metric["MetricAlarms"][0]["StateValue"] == "INSUFFICIENT_DATA", metric
    assert metric["MetricAlarms"][0]["Threshold"] == 0.8, metric

    def read(names):
        return cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])

    both = read(["latency", "site", "unknown"])
    assert [a["AlarmName"] for a in both["MetricAlarms"] + both["CompositeAlarms"]] == ["latency", "site"], both
    assert both["CompositeAlarms"][0]["AlarmRule"] == "ALARM(latency)", both
    cloudwatch.set_alarm_state(AlarmName="site", StateValue="ALARM", StateReason="a test")
    first = read(["site"])["CompositeAlarms"][0]
    assert first["StateValue"] == "ALARM" and first["StateReason"] == "a test", first
    cloudwatch.set_alarm_state(AlarmName="site", StateValue="ALARM", StateReason="again")
    again = read(["site"])["CompositeAlarms"][0]
    assert again["StateTransitionedTimestamp"] == first["StateTransitionedTimestamp"] < again["StateUpdatedTimestamp"], again
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"], PaginationConfig={"PageSize": 1}
    )
    assert [len(p["MetricAlarms"]) + len(p["CompositeAlarms"]) for p in pages] == [1, 1]
    refused("ResourceNotFound", "none", lambda: cloudwatch.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="x"))
    refused("ValidationError", "StateValue", lambda: cloudwatch.set_alarm_state(AlarmName="site", StateValue="RED", StateReason="x"))
    refused("ValidationError", "100", lambda: read([str(n) for n in range(101)]))
    done = aws("cloudwatch", "describe-alarms", "--alarm-names", "latency", "site", "--alarm-types", "CompositeAlarm")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert not answer["MetricAlarms"] and answer["CompositeAlarms"][0]["StateValue"] == "ALARM", answer


def aws(*arguments):
    command = [sys.executable, "-m", "awscli", "--endpoint-url", URL, "--output", "json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def check_cli(zone):
    done = aws("route53", "list-resource-record-sets", "--hosted-zone-id", zone)
    assert done.returncode == 0, done.stderr
    names = {record["Name"] for record in json.loads(done.stdout)["ResourceRecordSets"]}
    assert "www.example.com." in names and "\\052.example.com." in names, names
    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": member("legacy", 99, "192.0.2.10")}]}
    done = aws("route53", "change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch", json.dumps(batch))
    assert done.returncode in (254, 255), (done.returncode, done.stdout, done.stderr)
    for text in ("(InvalidChangeBatch)", "but the values provided do not match the current values"):
        assert text in done.stderr, done.stderr


def main():
    made = route53.create_hosted_zone(Name="example.com", CallerReference="boto3")
    zone = made["HostedZone"]["Id"].rsplit("/", 1)[1]
    assert len(made["DelegationSet"]["NameServers"]) == 4, made
    assert zone in [z["Id"].rsplit("/", 1)[1] for z in route53.list_hosted_zones()["HostedZones"]]
    check_changes(zone)
    check_paging(zone)
    check_metrics()
    check_alarms()
    check_cli(zone)
    refused("HostedZoneNotEmpty", "non-required", lambda: route53.delete_hosted_zone(Id=zone))
    print("all checks passed")


main()
