//! The playground from outside: over HTTP and DNS, by hand and by real clients.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failing step should stop the test")]

mod boto3;
mod cloudwatch;
mod control;
mod dns;
mod faults;
mod route53;
mod sdk;
mod support;
