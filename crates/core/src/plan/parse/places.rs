//! Where in a text the parts of a document stand, for mistakes that were found without it.

use std::collections::BTreeMap;

use super::{
    cursor::join,
    tree::{Node, Place, Value},
};

/// Every path of the document, with its place.
pub(super) fn places(root: &Node) -> BTreeMap<String, Place> {
    let mut places = BTreeMap::new();
    add(root, String::new(), &mut places);
    places
}

/// The place of the longest part of the path that is in the document.
pub(super) fn nearest(places: &BTreeMap<String, Place>, path: &str) -> Place {
    let mut path = path;
    loop {
        if let Some(place) = places.get(path) {
            return *place;
        }
        let Some(end) = path.rfind(['.', '[']) else { return Place::START };
        path = &path[..end];
    }
}

fn add(node: &Node, path: String, places: &mut BTreeMap<String, Place>) {
    match &node.value {
        Value::Table(entries) => {
            entries.iter().for_each(|entry| add(&entry.node, join(&path, &entry.key), places));
        }
        Value::List(items) => {
            items.iter().enumerate().for_each(|(i, item)| add(item, format!("{path}[{i}]"), places));
        }
        Value::Nothing | Value::Flag(_) | Value::Number(_) | Value::Text(_) => {}
    }
    places.insert(path, node.place);
}
