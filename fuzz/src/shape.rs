//! Values of types that the fuzzer makes up: every shape that serde knows, nested in any way, also in itself.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleVariant,
    Serializer,
};
use serde::{Deserialize, Serialize};

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Bool,
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    F32,
    F64,
    Char,
    Text,
    Bytes,
    Unit,
    Option(Box<Shape>),
    Newtype(Box<Shape>),
    Sequence(Box<Shape>),
    Map(Box<Shape>, Box<Shape>),
    Tuple(Vec<Shape>),
    Struct(Vec<Shape>),
    Enum(Vec<Variant>),
    /// The whole type once more: `struct Node { next: Option<Box<Node>> }`.
    Again,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq)]
pub enum Variant {
    Unit,
    Newtype(Shape),
    Tuple(Vec<Shape>),
    Struct(Vec<Shape>),
}

/// A value. Numbers are their bits, so that every one is equal to itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Unsigned(u128),
    Signed(i128),
    Single(u32),
    Double(u64),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Unit,
    Option(Option<Box<Value>>),
    Newtype(Box<Value>),
    /// A sequence, a tuple or the fields of a struct.
    Many(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Variant(u32, Box<Value>),
}

/// The names of fields and variants. serde wants them for ever.
const NAMES: [&str; MOST] = ["a", "b", "c", "d", "e", "f"];
const MOST: usize = 6;

/// How many types a type may be made of: what a value without bytes can cost.
const MOST_NODES: usize = 24;

impl Shape {
    /// A type that is not simply itself.
    pub fn arbitrary(input: &mut Unstructured<'_>) -> Result<Self> {
        let mut nodes = MOST_NODES;
        match Self::make(input, &mut nodes, 0)? {
            Self::Again => Ok(Self::Unit),
            shape => Ok(shape),
        }
    }

    fn make(input: &mut Unstructured<'_>, nodes: &mut usize, depth: usize) -> Result<Self> {
        *nodes = nodes.saturating_sub(1);
        let leaves = *nodes == 0 || depth == 6;
        Ok(match input.int_in_range(0..=if leaves { 17 } else { 24_u8 })? {
            0 => Self::Bool,
            1 => Self::U8,
            2 => Self::U16,
            3 => Self::U32,
            4 => Self::U64,
            5 => Self::U128,
            6 => Self::I8,
            7 => Self::I16,
            8 => Self::I32,
            9 => Self::I64,
            10 => Self::I128,
            11 => Self::F32,
            12 => Self::F64,
            13 => Self::Char,
            14 => Self::Text,
            15 => Self::Bytes,
            16 => Self::Unit,
            17 => Self::Again,
            18 => Self::Option(Box::new(Self::make(input, nodes, depth + 1)?)),
            19 => Self::Newtype(Box::new(Self::make(input, nodes, depth + 1)?)),
            20 => Self::Sequence(Box::new(Self::make(input, nodes, depth + 1)?)),
            21 => Self::Map(
                Box::new(Self::make(input, nodes, depth + 1)?),
                Box::new(Self::make(input, nodes, depth + 1)?),
            ),
            22 => Self::Tuple(Self::many(input, nodes, depth)?),
            23 => Self::Struct(Self::many(input, nodes, depth)?),
            _ => {
                let count = input.int_in_range(1..=4)?;
                Self::Enum((0..count).map(|_| Self::variant(input, nodes, depth)).collect::<Result<_>>()?)
            }
        })
    }

    fn many(input: &mut Unstructured<'_>, nodes: &mut usize, depth: usize) -> Result<Vec<Self>> {
        let count = input.int_in_range(0..=MOST)?.min(*nodes);
        (0..count).map(|_| Self::make(input, nodes, depth + 1)).collect()
    }

    fn variant(input: &mut Unstructured<'_>, nodes: &mut usize, depth: usize) -> Result<Variant> {
        Ok(match input.int_in_range(0..=3_u8)? {
            0 => Variant::Unit,
            1 => Variant::Newtype(Self::make(input, nodes, depth + 1)?),
            2 => Variant::Tuple(Self::many(input, nodes, depth)?),
            _ => Variant::Struct(Self::many(input, nodes, depth)?),
        })
    }

    /// How many types it is made of, itself counted.
    pub fn nodes(&self) -> usize {
        let all = |shapes: &[Self]| shapes.iter().map(Self::nodes).sum::<usize>();
        1 + match self {
            Self::Option(inner) | Self::Newtype(inner) | Self::Sequence(inner) => inner.nodes(),
            Self::Map(key, value) => key.nodes() + value.nodes(),
            Self::Tuple(shapes) | Self::Struct(shapes) => all(shapes),
            Self::Enum(variants) => variants
                .iter()
                .map(|variant| match variant {
                    Variant::Unit => 0,
                    Variant::Newtype(shape) => shape.nodes(),
                    Variant::Tuple(shapes) | Variant::Struct(shapes) => all(shapes),
                })
                .sum(),
            _ => 0,
        }
    }

    /// Whether every value of it takes at least one byte, as far as can be seen without going round in circles.
    fn takes_bytes(&self) -> bool {
        match self {
            Self::Unit | Self::Again => false,
            Self::Newtype(inner) => inner.takes_bytes(),
            Self::Tuple(shapes) | Self::Struct(shapes) => shapes.iter().any(Self::takes_bytes),
            _ => true,
        }
    }

    /// Whether some elements of it may take no byte: those that the free elements of a message are for.
    pub fn has_free_elements(&self) -> bool {
        let any = |shapes: &[Self]| shapes.iter().any(Self::has_free_elements);
        match self {
            Self::Sequence(inner) => !inner.takes_bytes() || inner.has_free_elements(),
            Self::Map(key, value) => {
                !(key.takes_bytes() || value.takes_bytes()) || key.has_free_elements() || value.has_free_elements()
            }
            Self::Option(inner) | Self::Newtype(inner) => inner.has_free_elements(),
            Self::Tuple(shapes) | Self::Struct(shapes) => any(shapes),
            Self::Enum(variants) => variants.iter().any(|variant| match variant {
                Variant::Unit => false,
                Variant::Newtype(shape) => shape.has_free_elements(),
                Variant::Tuple(shapes) | Variant::Struct(shapes) => any(shapes),
            }),
            _ => false,
        }
    }

    /// A value of this type. `budget` bounds how many values it is made of.
    pub fn value(&self, root: &Self, input: &mut Unstructured<'_>, budget: &mut usize) -> Result<Value> {
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return Err(libfuzzer_sys::arbitrary::Error::IncorrectFormat);
        }
        let many = |shapes: &[Self], input: &mut Unstructured<'_>, budget: &mut usize| -> Result<Vec<Value>> {
            shapes.iter().map(|shape| shape.value(root, input, budget)).collect()
        };
        Ok(match self {
            Self::Bool => Value::Bool(input.arbitrary()?),
            Self::U8 => Value::Unsigned(u128::from(input.arbitrary::<u8>()?)),
            Self::U16 => Value::Unsigned(u128::from(input.arbitrary::<u16>()?)),
            Self::U32 => Value::Unsigned(u128::from(input.arbitrary::<u32>()?)),
            Self::U64 => Value::Unsigned(u128::from(input.arbitrary::<u64>()?)),
            Self::U128 => Value::Unsigned(input.arbitrary()?),
            Self::I8 => Value::Signed(i128::from(input.arbitrary::<i8>()?)),
            Self::I16 => Value::Signed(i128::from(input.arbitrary::<i16>()?)),
            Self::I32 => Value::Signed(i128::from(input.arbitrary::<i32>()?)),
            Self::I64 => Value::Signed(i128::from(input.arbitrary::<i64>()?)),
            Self::I128 => Value::Signed(input.arbitrary()?),
            Self::F32 => Value::Single(input.arbitrary()?),
            Self::F64 => Value::Double(input.arbitrary()?),
            Self::Char => Value::Char(input.arbitrary()?),
            Self::Text => Value::Text(input.arbitrary()?),
            Self::Bytes => Value::Bytes(input.arbitrary()?),
            Self::Unit => Value::Unit,
            Self::Option(inner) if input.arbitrary()? => {
                Value::Option(Some(Box::new(inner.value(root, input, budget)?)))
            }
            Self::Option(_) => Value::Option(None),
            Self::Newtype(inner) => Value::Newtype(Box::new(inner.value(root, input, budget)?)),
            Self::Sequence(inner) => {
                let count = input.int_in_range(0..=8)?;
                Value::Many((0..count).map(|_| inner.value(root, input, budget)).collect::<Result<_>>()?)
            }
            Self::Map(key, value) => {
                let count = input.int_in_range(0..=4)?;
                let entry = |_| Ok((key.value(root, input, budget)?, value.value(root, input, budget)?));
                Value::Map((0..count).map(entry).collect::<Result<_>>()?)
            }
            Self::Tuple(shapes) | Self::Struct(shapes) => Value::Many(many(shapes, input, budget)?),
            Self::Enum(variants) => {
                let index = input.choose_index(variants.len())?;
                let content = match &variants[index] {
                    Variant::Unit => Value::Unit,
                    Variant::Newtype(shape) => shape.value(root, input, budget)?,
                    Variant::Tuple(shapes) | Variant::Struct(shapes) => Value::Many(many(shapes, input, budget)?),
                };
                Value::Variant(u32::try_from(index).unwrap_or(u32::MAX), Box::new(content))
            }
            Self::Again => root.value(root, input, budget)?,
        })
    }
}

/// A value with its type.
pub struct Typed<'a> {
    pub root: &'a Shape,
    pub shape: &'a Shape,
    pub value: &'a Value,
}

impl<'a> Typed<'a> {
    pub fn new(root: &'a Shape, value: &'a Value) -> Self {
        Self { root, shape: root, value }
    }

    fn inner(&self, shape: &'a Shape, value: &'a Value) -> Self {
        Self { root: self.root, shape, value }
    }
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match (self.shape, self.value) {
            (Shape::Bool, Value::Bool(value)) => to.serialize_bool(*value),
            (Shape::U8, Value::Unsigned(value)) => to.serialize_u8(*value as u8),
            (Shape::U16, Value::Unsigned(value)) => to.serialize_u16(*value as u16),
            (Shape::U32, Value::Unsigned(value)) => to.serialize_u32(*value as u32),
            (Shape::U64, Value::Unsigned(value)) => to.serialize_u64(*value as u64),
            (Shape::U128, Value::Unsigned(value)) => to.serialize_u128(*value),
            (Shape::I8, Value::Signed(value)) => to.serialize_i8(*value as i8),
            (Shape::I16, Value::Signed(value)) => to.serialize_i16(*value as i16),
            (Shape::I32, Value::Signed(value)) => to.serialize_i32(*value as i32),
            (Shape::I64, Value::Signed(value)) => to.serialize_i64(*value as i64),
            (Shape::I128, Value::Signed(value)) => to.serialize_i128(*value),
            (Shape::F32, Value::Single(bits)) => to.serialize_f32(f32::from_bits(*bits)),
            (Shape::F64, Value::Double(bits)) => to.serialize_f64(f64::from_bits(*bits)),
            (Shape::Char, Value::Char(value)) => to.serialize_char(*value),
            (Shape::Text, Value::Text(value)) => to.serialize_str(value),
            (Shape::Bytes, Value::Bytes(value)) => to.serialize_bytes(value),
            (Shape::Unit, Value::Unit) => to.serialize_unit(),
            (Shape::Option(_), Value::Option(None)) => to.serialize_none(),
            (Shape::Option(shape), Value::Option(Some(value))) => to.serialize_some(&self.inner(shape, value)),
            (Shape::Newtype(shape), Value::Newtype(value)) => {
                to.serialize_newtype_struct("N", &self.inner(shape, value))
            }
            (Shape::Sequence(shape), Value::Many(values)) => {
                let mut sequence = to.serialize_seq(Some(values.len()))?;
                for value in values {
                    sequence.serialize_element(&self.inner(shape, value))?;
                }
                sequence.end()
            }
            (Shape::Map(of_key, of_value), Value::Map(entries)) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&self.inner(of_key, key), &self.inner(of_value, value))?;
                }
                map.end()
            }
            (Shape::Tuple(shapes), Value::Many(values)) => {
                let mut tuple = to.serialize_tuple(values.len())?;
                for (shape, value) in shapes.iter().zip(values) {
                    tuple.serialize_element(&self.inner(shape, value))?;
                }
                tuple.end()
            }
            (Shape::Struct(shapes), Value::Many(values)) => {
                let mut fields = to.serialize_struct("S", values.len())?;
                for ((name, shape), value) in NAMES.into_iter().zip(shapes).zip(values) {
                    fields.serialize_field(name, &self.inner(shape, value))?;
                }
                fields.end()
            }
            (Shape::Enum(variants), Value::Variant(index, content)) => {
                let name = NAMES[*index as usize];
                match (&variants[*index as usize], &**content) {
                    (Variant::Newtype(shape), value) => {
                        to.serialize_newtype_variant("E", *index, name, &self.inner(shape, value))
                    }
                    (Variant::Tuple(shapes), Value::Many(values)) => {
                        let mut tuple = to.serialize_tuple_variant("E", *index, name, values.len())?;
                        for (shape, value) in shapes.iter().zip(values) {
                            tuple.serialize_field(&self.inner(shape, value))?;
                        }
                        tuple.end()
                    }
                    (Variant::Struct(shapes), Value::Many(values)) => {
                        let mut fields = to.serialize_struct_variant("E", *index, name, values.len())?;
                        for ((name, shape), value) in NAMES.into_iter().zip(shapes).zip(values) {
                            fields.serialize_field(name, &self.inner(shape, value))?;
                        }
                        fields.end()
                    }
                    _ => to.serialize_unit_variant("E", *index, name),
                }
            }
            (Shape::Again, value) => self.inner(self.root, value).serialize(to),
            _ => Err(serde::ser::Error::custom("the value is of another type")),
        }
    }
}

thread_local! {
    /// The type that [`Dynamic`] is now.
    static SHAPE: RefCell<Rc<Shape>> = RefCell::new(Rc::new(Shape::Unit));
}

/// Sets the type that [`Dynamic`] is.
pub fn set(shape: &Shape) {
    SHAPE.replace(Rc::new(shape.clone()));
}

/// A value of the type that was [set].
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamic(pub Value);

impl<'de> Deserialize<'de> for Dynamic {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let shape = SHAPE.with_borrow(Rc::clone);
        Seed { root: &shape, shape: &shape }.deserialize(from).map(Self)
    }
}

impl Serialize for Dynamic {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let shape = SHAPE.with_borrow(Rc::clone);
        Typed::new(&shape, &self.0).serialize(to)
    }
}

/// Reads a value of a type.
#[derive(Clone, Copy)]
struct Seed<'a> {
    root: &'a Shape,
    shape: &'a Shape,
}

impl<'a> Seed<'a> {
    fn of(self, shape: &'a Shape) -> Self {
        Self { root: self.root, shape }
    }

    /// The fields of a struct by their names, as a derived `Deserialize` reads them.
    fn named_fields<'de, A: MapAccess<'de>>(
        self,
        shapes: &'a [Shape],
        mut entries: A,
    ) -> std::result::Result<Value, A::Error> {
        let mut values: Vec<Option<Value>> = shapes.iter().map(|_| None).collect();
        while let Some(Place(place)) = entries.next_key()? {
            let unknown = || serde::de::Error::custom("there is no such field");
            let shape = shapes.get(place as usize).ok_or_else(unknown)?;
            values[place as usize] = Some(entries.next_value_seed(self.of(shape))?);
        }
        let missing = || serde::de::Error::custom("a field is missing");
        values.into_iter().collect::<Option<_>>().map(Value::Many).ok_or_else(missing)
    }
}

/// Which field or variant it is, told by its number or by its name, as a derived `Deserialize` takes either.
struct Place(u32);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Named;

        impl Visitor<'_> for Named {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or its number")
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Place, E> {
                u32::try_from(value).map(Place).map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> std::result::Result<Place, E> {
                let place = NAMES.iter().position(|name| *name == value);
                place.map(|place| Place(place as u32)).ok_or_else(|| E::custom("it is not a name"))
            }
        }

        from.deserialize_identifier(Named)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Value, D::Error> {
        match self.shape {
            Shape::Bool => from.deserialize_bool(self),
            Shape::U8 => from.deserialize_u8(self),
            Shape::U16 => from.deserialize_u16(self),
            Shape::U32 => from.deserialize_u32(self),
            Shape::U64 => from.deserialize_u64(self),
            Shape::U128 => from.deserialize_u128(self),
            Shape::I8 => from.deserialize_i8(self),
            Shape::I16 => from.deserialize_i16(self),
            Shape::I32 => from.deserialize_i32(self),
            Shape::I64 => from.deserialize_i64(self),
            Shape::I128 => from.deserialize_i128(self),
            Shape::F32 => from.deserialize_f32(self),
            Shape::F64 => from.deserialize_f64(self),
            Shape::Char => from.deserialize_char(self),
            Shape::Text => from.deserialize_string(self),
            Shape::Bytes => from.deserialize_byte_buf(self),
            Shape::Unit => from.deserialize_unit(self),
            Shape::Option(_) => from.deserialize_option(self),
            Shape::Newtype(_) => from.deserialize_newtype_struct("N", self),
            Shape::Sequence(_) => from.deserialize_seq(self),
            Shape::Map(..) => from.deserialize_map(self),
            Shape::Tuple(shapes) => from.deserialize_tuple(shapes.len(), self),
            Shape::Struct(shapes) => from.deserialize_struct("S", &NAMES[..shapes.len()], self),
            Shape::Enum(variants) => from.deserialize_enum("E", &NAMES[..variants.len()], self),
            Shape::Again => self.of(self.root).deserialize(from),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the type that was made up")
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u8<E>(self, value: u8) -> std::result::Result<Value, E> {
        Ok(Value::Unsigned(value.into()))
    }

    fn visit_u16<E>(self, value: u16) -> std::result::Result<Value, E> {
        Ok(Value::Unsigned(value.into()))
    }

    fn visit_u32<E>(self, value: u32) -> std::result::Result<Value, E> {
        Ok(Value::Unsigned(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::Unsigned(value.into()))
    }

    fn visit_u128<E>(self, value: u128) -> std::result::Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i8<E>(self, value: i8) -> std::result::Result<Value, E> {
        Ok(Value::Signed(value.into()))
    }

    fn visit_i16<E>(self, value: i16) -> std::result::Result<Value, E> {
        Ok(Value::Signed(value.into()))
    }

    fn visit_i32<E>(self, value: i32) -> std::result::Result<Value, E> {
        Ok(Value::Signed(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Signed(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> std::result::Result<Value, E> {
        Ok(Value::Signed(value))
    }

    fn visit_f32<E>(self, value: f32) -> std::result::Result<Value, E> {
        Ok(Value::Single(value.to_bits()))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Value::Double(value.to_bits()))
    }

    fn visit_char<E>(self, value: char) -> std::result::Result<Value, E> {
        Ok(Value::Char(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> std::result::Result<Value, E> {
        Ok(Value::Bytes(value.to_vec()))
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Unit)
    }

    fn visit_none<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Option(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Value, D::Error> {
        let Shape::Option(inner) = self.shape else { unreachable!("only an option is asked for one") };
        Ok(Value::Option(Some(Box::new(self.of(inner).deserialize(from)?))))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Value, D::Error> {
        let Shape::Newtype(inner) = self.shape else { unreachable!("only a newtype is asked for one") };
        Ok(Value::Newtype(Box::new(self.of(inner).deserialize(from)?)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> std::result::Result<Value, A::Error> {
        // As a collection would that believes what it is told.
        let mut values = Vec::with_capacity(elements.size_hint().unwrap_or(0));
        match self.shape {
            Shape::Sequence(inner) => {
                while let Some(value) = elements.next_element_seed(self.of(inner))? {
                    values.push(value);
                }
            }
            Shape::Tuple(shapes) | Shape::Struct(shapes) => {
                for shape in shapes {
                    let missing = || serde::de::Error::custom("a field is missing");
                    values.push(elements.next_element_seed(self.of(shape))?.ok_or_else(missing)?);
                }
            }
            _ => unreachable!("nothing else is asked for as a sequence"),
        }
        Ok(Value::Many(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Value, A::Error> {
        let (key, value) = match self.shape {
            Shape::Map(key, value) => (key, value),
            Shape::Struct(shapes) => return self.named_fields(shapes, entries),
            _ => unreachable!("only a map, and a struct, is asked for one"),
        };
        let mut map = Vec::with_capacity(entries.size_hint().unwrap_or(0));
        while let Some(entry) = entries.next_entry_seed(self.of(key), self.of(value))? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> std::result::Result<Value, A::Error> {
        let Shape::Enum(variants) = self.shape else { unreachable!("only an enum is asked for one") };
        let (Place(index), content) = data.variant()?;
        let unknown = || serde::de::Error::custom("there is no such variant");
        let value = match variants.get(index as usize).ok_or_else(unknown)? {
            Variant::Unit => content.unit_variant().map(|()| Value::Unit)?,
            Variant::Newtype(shape) => content.newtype_variant_seed(self.of(shape))?,
            Variant::Tuple(shapes) => {
                let shape = Shape::Tuple(shapes.clone());
                content.tuple_variant(shapes.len(), Seed { root: self.root, shape: &shape })?
            }
            Variant::Struct(shapes) => {
                let shape = Shape::Struct(shapes.clone());
                content.struct_variant(&NAMES[..shapes.len()], Seed { root: self.root, shape: &shape })?
            }
        };
        Ok(Value::Variant(index, Box::new(value)))
    }
}
