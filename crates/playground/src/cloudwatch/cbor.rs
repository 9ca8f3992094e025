//! CBOR as RPC v2 uses it: maps with text keys, timestamps as tag 1.

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

use super::value::Value;

/// Epoch-based date and time.
const EPOCH: u64 = 1;
/// Nobody nests deeper than this; a body that does is hostile.
const MAX_DEPTH: usize = 32;

/// The body as a value; `None` where it is not the CBOR that RPC v2 allows. An empty body is an empty structure.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return Some(Value::Map(Default::default()));
    }
    let mut decoder = Decoder::new(body);
    value(&mut decoder, 0).ok()
}

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing to a vector cannot fail.
    if write(&mut encoder, value).is_err() {
        return Vec::new();
    }
    encoder.into_writer()
}

fn value(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, minicbor::decode::Error> {
    if depth > MAX_DEPTH {
        return Err(minicbor::decode::Error::message("nested too deeply"));
    }
    Ok(match decoder.datatype()? {
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Undefined => {
            decoder.undefined()?;
            Value::Null
        }
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => Value::Integer(decoder.i64()?),
        Type::F16 => Value::Float(f64::from(decoder.f16()?)),
        Type::F32 => Value::Float(f64::from(decoder.f32()?)),
        Type::F64 => Value::Float(decoder.f64()?),
        Type::String | Type::StringIndef => {
            let mut text = String::new();
            for part in decoder.str_iter()? {
                text.push_str(part?);
            }
            Value::Text(text)
        }
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array()?;
            let mut items = Vec::new();
            while more(decoder, length, items.len())? {
                items.push(value(decoder, depth + 1)?);
            }
            Value::List(items)
        }
        Type::Map | Type::MapIndef => {
            let length = decoder.map()?;
            let mut members = std::collections::BTreeMap::new();
            let mut seen = 0;
            while more(decoder, length, seen)? {
                let Value::Text(name) = value(decoder, depth + 1)? else {
                    return Err(minicbor::decode::Error::message("a member's name must be text"));
                };
                members.insert(name, value(decoder, depth + 1)?);
                seen += 1;
            }
            Value::Map(members)
        }
        Type::Tag => {
            let tag = decoder.tag()?;
            let tagged = value(decoder, depth + 1)?;
            match tagged.number() {
                Some(seconds) if tag == Tag::new(EPOCH) => Value::Time(seconds),
                _ => tagged,
            }
        }
        other @ (Type::Simple | Type::Bytes | Type::BytesIndef | Type::Break | Type::Unknown(_)) => {
            return Err(minicbor::decode::Error::type_mismatch(other));
        }
    })
}

fn more(
    decoder: &mut Decoder<'_>,
    length: Option<u64>,
    seen: usize,
) -> Result<bool, minicbor::decode::Error> {
    match length {
        Some(length) => Ok((seen as u64) < length),
        None if decoder.datatype()? == Type::Break => {
            decoder.set_position(decoder.position() + 1);
            Ok(false)
        }
        None => Ok(true),
    }
}

fn write(
    encoder: &mut Encoder<Vec<u8>>,
    value: &Value,
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    match value {
        Value::Null => encoder.null()?.ok(),
        Value::Bool(value) => encoder.bool(*value)?.ok(),
        Value::Integer(value) => encoder.i64(*value)?.ok(),
        Value::Float(value) => encoder.f64(*value)?.ok(),
        Value::Text(text) => encoder.str(text)?.ok(),
        Value::Time(seconds) => encoder.tag(Tag::new(EPOCH))?.f64(*seconds)?.ok(),
        Value::List(items) => {
            encoder.array(items.len() as u64)?;
            items.iter().try_for_each(|item| write(encoder, item))
        }
        Value::Map(members) => {
            encoder.map(members.len() as u64)?;
            members.iter().try_for_each(|(name, member)| {
                encoder.str(name)?;
                write(encoder, member)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_and_indefinite_lengths_are_read() {
        let value = Value::structure([
            ("Text", Some(Value::text("x"))),
            ("Time", Some(Value::Time(1.5))),
            ("List", Some(Value::List(vec![Value::Integer(-3), Value::Float(0.5), Value::Null]))),
            ("Flag", Some(Value::Bool(true))),
        ]);
        assert_eq!(decode(&encode(&value)), Some(value));

        let indefinite = [0xbf, 0x61, b'a', 0x9f, 0x01, 0x02, 0xff, 0x61, b't', 0xc1, 0x1a, 0, 0, 0, 9, 0xff];
        assert_eq!(
            decode(&indefinite),
            Some(Value::structure([
                ("a", Some(Value::List(vec![Value::Integer(1), Value::Integer(2)]))),
                ("t", Some(Value::Time(9.0))),
            ]))
        );
        assert_eq!(decode(&[]), Some(Value::Map(Default::default())));
        assert_eq!(decode(&[0x9f; 64]), None);
    }
}
