//! Component types as short WIT-like text, for error messages.

use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};

/// Longest text in bytes. A type can be exponentially larger than the file that defines it, because
/// it may refer to one part many times.
const LONGEST: usize = 200;

/// The text of an item, cut at [`LONGEST`].
pub(crate) fn item(item: &ComponentItem) -> String {
    let mut text = Text(String::new());
    match item {
        ComponentItem::ComponentFunc(func) => text.func(func),
        ComponentItem::CoreFunc(_) => text.put("core func"),
        ComponentItem::Module(_) => text.put("core module"),
        ComponentItem::Component(_) => text.put("component"),
        ComponentItem::ComponentInstance(_) => text.put("instance"),
        ComponentItem::Type(_) => text.put("type"),
        ComponentItem::Resource(_) => text.put("resource"),
    };
    text.0
}

struct Text(String);

impl Text {
    /// False once nothing more fits, which ends every loop below.
    fn put(&mut self, part: &str) -> bool {
        let left = LONGEST.saturating_sub(self.0.len());
        if part.len() <= left {
            self.0.push_str(part);
            return true;
        }
        if !self.0.ends_with('…') {
            self.0.push_str(part.get(..part.floor_char_boundary(left)).unwrap_or_default());
            self.0.push('…');
        }
        false
    }

    fn func(&mut self, func: &ComponentFunc) -> bool {
        let params = func.params().map(|(name, ty)| (Some(name.to_owned()), Some(ty)));
        self.put(if func.async_() { "async func(" } else { "func(" })
            && self.fields(params)
            && self.put(")")
            && func.results().all(|ty| self.put(" -> ") && self.ty(&ty))
    }

    fn fields(&mut self, fields: impl Iterator<Item = (Option<String>, Option<Type>)>) -> bool {
        for (n, (name, ty)) in fields.enumerate() {
            let whole = (n == 0 || self.put(", "))
                && name.as_ref().is_none_or(|name| self.put(name))
                && (name.is_none() || ty.is_none() || self.put(": "))
                && ty.is_none_or(|ty| self.ty(&ty));
            if !whole {
                return false;
            }
        }
        true
    }

    fn around(&mut self, before: &str, parts: impl Iterator<Item = Option<Type>>, after: &str) -> bool {
        self.put(before) && self.fields(parts.map(|ty| (None, ty))) && self.put(after)
    }

    fn ty(&mut self, ty: &Type) -> bool {
        let named = |name: &str, ty| (Some(name.to_owned()), ty);
        match ty {
            Type::Bool => self.put("bool"),
            Type::S8 => self.put("s8"),
            Type::U8 => self.put("u8"),
            Type::S16 => self.put("s16"),
            Type::U16 => self.put("u16"),
            Type::S32 => self.put("s32"),
            Type::U32 => self.put("u32"),
            Type::S64 => self.put("s64"),
            Type::U64 => self.put("u64"),
            Type::Float32 => self.put("f32"),
            Type::Float64 => self.put("f64"),
            Type::Char => self.put("char"),
            Type::String => self.put("string"),
            Type::List(list) => self.around("list<", [Some(list.ty())].into_iter(), ">"),
            Type::Option(option) => self.around("option<", [Some(option.ty())].into_iter(), ">"),
            Type::Result(result) => self.around("result<", [result.ok(), result.err()].into_iter(), ">"),
            Type::Tuple(tuple) => self.around("tuple<", tuple.types().map(Some), ">"),
            Type::Record(record) => {
                self.put("record { ")
                    && self.fields(record.fields().map(|field| named(field.name, Some(field.ty))))
                    && self.put(" }")
            }
            Type::Variant(variant) => {
                self.put("variant { ")
                    && self.fields(variant.cases().map(|case| named(case.name, case.ty)))
                    && self.put(" }")
            }
            Type::Enum(cases) => {
                self.put("enum { ")
                    && self.fields(cases.names().map(|name| named(name, None)))
                    && self.put(" }")
            }
            Type::Flags(flags) => {
                self.put("flags { ")
                    && self.fields(flags.names().map(|name| named(name, None)))
                    && self.put(" }")
            }
            Type::Own(_) => self.put("own<resource>"),
            Type::Borrow(_) => self.put("borrow<resource>"),
            Type::Map(_) => self.put("map"),
            Type::Future(_) => self.put("future"),
            Type::Stream(_) => self.put("stream"),
            Type::ErrorContext => self.put("error-context"),
            Type::FixedLengthList(_) => self.put("list of fixed length"),
        }
    }
}
