//! The second reader of XML.

use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// `None` where this is no document, or one that ends too soon.
    pub(super) fn parse(bytes: &[u8]) -> Option<Element> {
        let mut reader = Reader::from_str(std::str::from_utf8(bytes).ok()?);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => open.push(Element::named(tag.local_name().as_ref())),
                Event::Empty(tag) => {
                    open.last_mut()?.children.push(Element::named(tag.local_name().as_ref()));
                }
                Event::End(_) => {
                    let element = open.pop()?;
                    open.last_mut()?.children.push(element);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml_content().ok()?),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
                Event::GeneralRef(entity) => match entity.resolve_char_ref().ok()? {
                    Some(letter) => open.last_mut()?.text.push(letter),
                    None => {
                        let name = entity.decode().ok()?;
                        open.last_mut()?.text.push_str(resolve_predefined_entity(&name)?);
                    }
                },
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => break,
            }
        }
        let document = open.pop()?;
        // Something is left open, or there is more than one root.
        let whole = open.is_empty() && document.children.len() == 1;
        document.children.into_iter().next().filter(|_| whole)
    }

    fn named(name: &[u8]) -> Element {
        Element { name: String::from_utf8_lossy(name).into_owned(), ..Element::default() }
    }

    /// Where it is given twice, the last one counts.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.all(name).last()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }
}
