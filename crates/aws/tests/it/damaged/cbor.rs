//! The second reader of CBOR.

use minicbor::{Decoder, data::Type, decode::Error};

#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    /// Seconds since 1970.
    Time(f64),
    List(Vec<Value>),
    Fields(Vec<(String, Value)>),
    Null,
    Other,
}

impl Value {
    /// `None` where the bytes are no CBOR, or end too soon.
    pub(super) fn parse(bytes: &[u8]) -> Option<Value> {
        read(&mut Decoder::new(bytes)).ok()
    }

    /// Where a field is given twice, the last one counts, and one that is null does not.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        let Value::Fields(fields) = self else { return None };
        fields
            .iter()
            .rev()
            .find(|(field, value)| field == name && !matches!(value, Value::Null))
            .map(|(_, v)| v)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        if let Some(Value::Text(text)) = self.field(name) { Some(text) } else { None }
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        if let Some(Value::List(values)) = self.field(name) { values } else { &[] }
    }
}

fn read(decoder: &mut Decoder<'_>) -> Result<Value, Error> {
    Ok(match decoder.datatype()? {
        Type::String | Type::StringIndef => {
            Value::Text(decoder.str_iter()?.collect::<Result<Vec<&str>, Error>>()?.concat())
        }
        Type::F16 | Type::F32 | Type::F64 => Value::Number(decoder.f64()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
            Value::Number(decoder.i64()? as f64)
        }
        Type::Tag => match (decoder.tag()?.as_u64(), read(decoder)?) {
            (1, Value::Number(seconds)) => Value::Time(seconds),
            _ => Value::Other,
        },
        Type::Array | Type::ArrayIndef => {
            let mut values = Vec::new();
            let mut left = decoder.array()?;
            while goes_on(decoder, &mut left)? {
                values.push(read(decoder)?);
            }
            Value::List(values)
        }
        Type::Map | Type::MapIndef => {
            let mut fields = Vec::new();
            let mut left = decoder.map()?;
            while goes_on(decoder, &mut left)? {
                let name = read(decoder)?;
                let value = read(decoder)?;
                if let Value::Text(name) = name {
                    fields.push((name, value));
                }
            }
            Value::Fields(fields)
        }
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Bool
        | Type::Undefined
        | Type::Int
        | Type::Simple
        | Type::Bytes
        | Type::BytesIndef
        | Type::Break
        | Type::Unknown(_) => {
            decoder.skip()?;
            Value::Other
        }
    })
}

/// `left` is `None` where a break ends the values.
fn goes_on(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    if let Some(left) = left {
        let more = *left > 0;
        *left = left.saturating_sub(1);
        return Ok(more);
    }
    let more = decoder.datatype()? != Type::Break;
    if !more {
        decoder.skip()?;
    }
    Ok(more)
}
