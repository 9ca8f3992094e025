//! The little of XML that REST-XML needs: a tree to read, a string to write.

use std::borrow::Cow;

use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// Route 53's namespace; a request in another one is refused.
pub(crate) const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => open.push(Self::opened(&tag)?),
                Event::Empty(tag) => {
                    let element = Self::opened(&tag)?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Some(element),
                    }
                }
                Event::End(_) => {
                    let element = open.pop()?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Some(element),
                    }
                }
                Event::Text(content) => {
                    let content = content.xml_content().ok()?;
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&content);
                    }
                }
                Event::CData(content) => {
                    let content = content.decode().ok()?;
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&content);
                    }
                }
                Event::GeneralRef(reference) => {
                    let name = reference.decode().ok()?;
                    let resolved = match reference.resolve_char_ref().ok()? {
                        Some(character) => Cow::Owned(character.to_string()),
                        None => Cow::Borrowed(quick_xml::escape::resolve_predefined_entity(&name)?),
                    };
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&resolved);
                    }
                }
                Event::Eof => return None,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child, when the child is there.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    fn opened(tag: &quick_xml::events::BytesStart<'_>) -> Option<Self> {
        let name = std::str::from_utf8(tag.local_name().into_inner()).ok()?.to_owned();
        let namespace = tag
            .try_get_attribute("xmlns")
            .ok()?
            .and_then(|attribute| std::str::from_utf8(&attribute.value).ok().map(str::to_owned));
        Some(Self { name, namespace, ..Self::default() })
    }
}

/// A document being written.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    pub(crate) fn document(root: &str, content: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self { out: String::from("<?xml version=\"1.0\"?>\n") };
        writer.out.push_str(&format!("<{root} xmlns=\"{NAMESPACE}\">"));
        content(&mut writer);
        writer.out.push_str(&format!("</{root}>"));
        writer.out
    }

    pub(crate) fn nested(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.out.push_str(&format!("<{name}>"));
        content(self);
        self.out.push_str(&format!("</{name}>"));
    }

    pub(crate) fn leaf(&mut self, name: &str, value: impl std::fmt::Display) {
        let value = value.to_string();
        self.out.push_str(&format!("<{name}>{}</{name}>", quick_xml::escape::escape(value.as_str())));
    }

    pub(crate) fn leaf_if(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.leaf(name, value);
        }
    }
}
