//! What the user wrote, as plain structs.

use std::fmt;

use proc_macro2::{Group, Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Expr, LitInt, LitStr, Pat, Path, Signature, Type, Visibility};

/// The attribute: `read = "/data", time = "2s"`.
pub(crate) struct Arguments {
    /// Where the library is: `::gaol`, or what `crate = …` says.
    pub(crate) root: Path,
    /// Every key with its value, in the order of the text.
    pub(crate) entries: Vec<Entry>,
}

/// One `key = value`.
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// The key as it stands in the text, for its span.
    pub(crate) name: Ident,
    /// One value, or those of the list.
    pub(crate) values: Vec<Value>,
    /// The whole value where it is a list.
    pub(crate) list: Option<Expr>,
}

/// One value of a key.
pub(crate) enum Value {
    /// `"/data"`.
    Text(LitStr),
    /// `64`.
    Number(LitInt),
    /// A literal that no key takes: `2.5`, `true`, `b"x"`, `-1`.
    OtherLiteral(Expr),
    /// Anything else: evaluated in the parent, at the call.
    Expression(Expr),
}

/// The keys that the attribute has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Read,
    Write,
    Metadata,
    Exec,
    Net,
    Listen,
    System,
    Env,
    Time,
    Cpu,
    Memory,
    Files,
    Threads,
    FileSize,
    Reply,
    Stdout,
    Stderr,
    Process,
    Violation,
}

impl Key {
    pub(crate) const ALL: [Self; 19] = [
        Self::Read,
        Self::Write,
        Self::Metadata,
        Self::Exec,
        Self::Net,
        Self::Listen,
        Self::System,
        Self::Env,
        Self::Time,
        Self::Cpu,
        Self::Memory,
        Self::Files,
        Self::Threads,
        Self::FileSize,
        Self::Reply,
        Self::Stdout,
        Self::Stderr,
        Self::Process,
        Self::Violation,
    ];

    /// As it is written, which is also the name of the builder's method.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Metadata => "metadata",
            Self::Exec => "exec",
            Self::Net => "net",
            Self::Listen => "listen",
            Self::System => "system",
            Self::Env => "env",
            Self::Time => "time",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Files => "files",
            Self::Threads => "threads",
            Self::FileSize => "file_size",
            Self::Reply => "reply",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Process => "process",
            Self::Violation => "violation",
        }
    }

    /// Whether the key takes a list as well as one value.
    pub(crate) fn takes_list(self) -> bool {
        matches!(self, Self::Read | Self::Write | Self::Metadata | Self::Exec | Self::Net | Self::Listen | Self::Env)
    }

    /// A value to show to someone who wrote something else.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Read | Self::Write | Self::Metadata => "\"/data\"",
            Self::Exec => "\"/usr/bin/convert\"",
            Self::Net => "\"tcp:443\"",
            Self::Listen => "\"tcp:8080\"",
            Self::System => "\"info\"",
            Self::Env => "\"LANG\"",
            Self::Time | Self::Cpu => "\"2s\"",
            Self::Memory | Self::FileSize | Self::Reply => "\"256MiB\"",
            Self::Files | Self::Threads => "64",
            Self::Stdout | Self::Stderr => "\"capture\"",
            Self::Process => "\"fresh\"",
            Self::Violation => "\"deny\"",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The annotated function.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) parameters: Vec<Parameter>,
    /// The braces and all between them, as they stand in the text.
    pub(crate) body: Group,
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

/// One parameter that is not `self`.
pub(crate) struct Parameter {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) pattern: Pat,
    pub(crate) ty: Type,
}

impl Parameter {
    /// The name, where the pattern is nothing but one: `path` or `mut path`.
    pub(crate) fn name(&self) -> Option<&Ident> {
        match &self.pattern {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => Some(&pattern.ident),
            _ => None,
        }
    }

    /// The type behind the `&` of a borrowed parameter.
    pub(crate) fn borrowed(&self) -> Option<&Type> {
        match strip(&self.ty) {
            Type::Reference(reference) => Some(&reference.elem),
            _ => None,
        }
    }

    /// Whether the function may change what the parameter borrows.
    pub(crate) fn is_changed(&self) -> bool {
        matches!(strip(&self.ty), Type::Reference(reference) if reference.mutability.is_some())
    }
}

/// The type without the parentheses and the invisible groups (of a `macro_rules!` fragment) around it.
pub(crate) fn strip(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            ty => return ty,
        }
    }
}
