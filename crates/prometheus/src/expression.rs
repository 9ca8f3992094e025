//! From what a plan says to what Prometheus is asked.

use jiff::SignedDuration;

/// Where an expression wants the length of a period.
const PERIOD: &str = "$period";

/// What cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadExpression {
    #[error("an empty expression selects nothing")]
    Empty,
    /// Such as `http_requests_total[5m]`, whose range is ours to say.
    #[error(
        "{0:?} ends with a range; leave it out, or write the whole expression with {PERIOD} as its range"
    )]
    Range(String),
}

/// The expression for one period that ends where it is evaluated. A plain selector of counters is summed up.
pub fn expression(text: &str, period: SignedDuration) -> Result<String, BadExpression> {
    let text = text.trim();
    let length = format!("{}s", period.as_secs().max(1));
    if text.is_empty() {
        return Err(BadExpression::Empty);
    }
    if text.contains(PERIOD) {
        return Ok(text.replace(PERIOD, &length));
    }
    if text.ends_with(']') {
        return Err(BadExpression::Range(text.to_owned()));
    }
    Ok(format!("sum(increase({text}[{length}]))"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_summed_up_and_an_expression_is_left_alone() {
        let minute = SignedDuration::from_mins(1);
        for (text, wanted) in [
            ("http_requests_total", Ok("sum(increase(http_requests_total[60s]))".to_owned())),
            (r#" a{code=~"5.."} "#, Ok(r#"sum(increase(a{code=~"5.."}[60s]))"#.to_owned())),
            ("sum(rate(a[$period])) * 60", Ok("sum(rate(a[60s])) * 60".to_owned())),
            ("  ", Err(BadExpression::Empty)),
            ("a[5m]", Err(BadExpression::Range("a[5m]".to_owned()))),
        ] {
            assert_eq!(expression(text, minute), wanted, "{text}");
        }
    }
}
