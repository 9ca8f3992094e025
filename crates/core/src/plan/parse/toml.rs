//! TOML, whose parser keeps spans and goes on after a mistake.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Mistake, Mistakes,
    cursor::MOST_MISTAKES,
    tree::{DEEPEST, Entry, Lines, Node, Place, Value, too_deep},
};

pub(super) fn read(text: &str) -> Result<Node, Mistakes> {
    let lines = Lines::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(mistakes(&errors, &lines));
    }
    Ok(Node { place: Place::START, value: table(root.get_ref(), &lines, 0)? })
}

/// One mistake can make the parser stumble many times over; a line says each thing once.
fn mistakes(errors: &[toml::de::Error], lines: &Lines<'_>) -> Mistakes {
    let mut mistakes: Vec<_> = errors
        .iter()
        .map(|error| {
            let place = error.span().map_or(Place::START, |span| lines.place(span.start));
            Mistake::in_text(place, format!("this is not TOML: {}", error.message()))
        })
        .collect();
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    mistakes.dedup_by(|b, a| (a.line, &a.message) == (b.line, &b.message));
    mistakes.truncate(MOST_MISTAKES);
    Mistakes(mistakes)
}

fn table(table: &DeTable<'_>, lines: &Lines<'_>, depth: usize) -> Result<Value, Mistakes> {
    let entries = table.iter().map(|(key, value)| {
        let place = lines.place(key.span().start);
        Ok(Entry { key: key.get_ref().to_string(), place, node: node(value, lines, depth + 1)? })
    });
    entries.collect::<Result<_, Mistakes>>().map(Value::Table)
}

fn node(spanned: &Spanned<DeValue<'_>>, lines: &Lines<'_>, depth: usize) -> Result<Node, Mistakes> {
    let place = lines.place(spanned.span().start);
    if depth > DEEPEST {
        return Err(too_deep(place));
    }
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Number(number as f64),
            Err(_) => Value::Text(number.to_string()),
        },
        // The parser has seen to it that this is a number, `inf` or `nan`.
        DeValue::Float(number) => Value::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        // A start may be written without quotes, as TOML's own kind of value.
        DeValue::Datetime(datetime) => Value::Text(datetime.to_string()),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| node(item, lines, depth + 1)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(entries) => table(entries, lines, depth)?,
    };
    Ok(Node { place, value })
}
