//! Route 53 and CloudWatch of one AWS account, behind the ports `Zones` and `Metrics`.
//!
//! An adapter decides nothing. It says exactly what was answered, and above all what was not: whether a batch was
//! refused, may have been applied, or never left this machine; and whether a series is all there is.

mod account;
mod call;
mod cloudwatch;
mod failure;
mod route53;

pub use crate::{
    account::{AccountConfig, ConnectError, connect, connect_route53},
    cloudwatch::CloudWatch,
    route53::Route53,
};
