//! From what a plan says to what Prometheus is asked.

use jiff::SignedDuration;

/// Where an expression wants the length of a period.
const PERIOD: &str = "$period";

/// The expression for one period that ends where it is evaluated. A plain selector of counters is summed up. What a plan
/// may not say is refused where plans are read; whatever else makes no sense, Prometheus refuses.
pub(crate) fn expression(text: &str, period: SignedDuration) -> String {
    let text = text.trim();
    let length = format!("{}s", period.as_secs().max(1));
    if text.contains(PERIOD) {
        return text.replace(PERIOD, &length);
    }
    format!("sum(increase({text}[{length}]))")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_summed_up_and_an_expression_is_left_alone() {
        let minute = SignedDuration::from_mins(1);
        for (text, wanted) in [
            ("http_requests_total", "sum(increase(http_requests_total[60s]))"),
            (r#" a{code=~"5.."} "#, r#"sum(increase(a{code=~"5.."}[60s]))"#),
            ("sum(rate(a[$period])) * 60", "sum(rate(a[60s])) * 60"),
        ] {
            assert_eq!(expression(text, minute), wanted, "{text}");
        }
    }
}
