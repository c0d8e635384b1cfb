//! In which way each part of a type crosses: said where the type is taken apart, found by the compiler for what is left.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Type};

use super::located;
use crate::ast::{Parameter, strip};

/// As many as gaol takes apart. A longer tuple is left to serde.
const LONGEST_TUPLE: usize = 8;

/// Types that are descriptors, and for that not serde's. One of the user's that has such a name and is serde's is found to be.
const DESCRIPTORS: [&str; 13] = [
    "ChildStderr",
    "ChildStdin",
    "ChildStdout",
    "File",
    "OwnedFd",
    "PipeReader",
    "PipeWriter",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixDatagram",
    "UnixListener",
    "UnixStream",
];

/// The traits whose methods the codecs are found by.
pub(super) fn uses(private: &TokenStream) -> TokenStream {
    quote! {
        #[allow(unused_imports)]
        use #private::{Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _, WayOfSerde as _};
    }
}

/// The codec of a type.
pub(super) fn codec(private: &TokenStream, ty: &Type) -> TokenStream {
    let there = located(private, ty.span());
    match parts(ty) {
        Parts::Tuple(parts) => {
            let codecs = parts.iter().map(|part| codec(private, part));
            quote!((#(#codecs,)*))
        }
        Parts::Option(inner) => {
            let codec = codec(private, inner);
            quote!(#private::OptionCodec(#codec))
        }
        Parts::One => quote_spanned!(ty.span()=> (&&&&#there::Way::<#ty>::NEW).codec()),
    }
}

/// The codec of what a function returns when it succeeds.
pub(super) fn codec_of_result(private: &TokenStream, output: &ReturnType) -> TokenStream {
    match value_type(output) {
        Ok(value) => codec(private, value),
        Err(returned) => {
            let there = located(private, returned.span());
            quote_spanned!(returned.span()=> (&&&&#there::Way::<__GaolValue>::NEW).codec())
        }
    }
}

/// Names what a function returns when it succeeds, where the signature does not: it may be an alias, or no result at all.
pub(super) fn value_name(private: &TokenStream, output: &ReturnType) -> TokenStream {
    match value_type(output) {
        Ok(_) => TokenStream::new(),
        Err(returned) => {
            let there = located(private, returned.span());
            quote_spanned!(returned.span()=> type __GaolValue = <#returned as #there::Returned>::Ok;)
        }
    }
}

/// Says at compile time, on the type's own span, that a parameter does not cross.
pub(super) fn assertions(private: &TokenStream, parameter: &Parameter) -> TokenStream {
    match parameter.borrowed() {
        Some(borrowed) if matches!(parts(borrowed), Parts::One) && !holds_descriptors(borrowed) => {
            let there = located(private, borrowed.span());
            quote_spanned!(borrowed.span()=> #there::assert_crosses::<<#borrowed as #there::Sent>::Owned>();)
        }
        Some(borrowed) => assertions_of(private, borrowed),
        None => assertions_of(private, &parameter.ty),
    }
}

/// The same for what the function returns.
pub(super) fn assertions_of_result(private: &TokenStream, output: &ReturnType) -> TokenStream {
    match value_type(output) {
        Ok(value) => assertions_of(private, value),
        Err(returned) => {
            let there = located(private, returned.span());
            let codec = codec_of_result(private, output);
            quote_spanned!(returned.span()=> #there::assert_known::<__GaolValue>(#codec);)
        }
    }
}

fn assertions_of(private: &TokenStream, ty: &Type) -> TokenStream {
    let there = located(private, ty.span());
    match parts(ty) {
        Parts::Tuple(parts) => parts.iter().map(|part| assertions_of(private, part)).collect(),
        Parts::Option(inner) => assertions_of(private, inner),
        // serde knows no descriptor, and its words would lead nowhere.
        Parts::One if holds_descriptors(ty) => {
            let codec = codec(private, ty);
            quote_spanned!(ty.span()=> #there::assert_known::<#ty>(#codec);)
        }
        Parts::One => quote_spanned!(ty.span()=> #there::assert_crosses::<#ty>();),
    }
}

/// What a type is made of.
enum Parts<'a> {
    Tuple(Vec<&'a Type>),
    Option(&'a Type),
    /// One thing, whatever it is.
    One,
}

fn parts(ty: &Type) -> Parts<'_> {
    match strip(ty) {
        Type::Tuple(tuple) if (1..=LONGEST_TUPLE).contains(&tuple.elems.len()) => {
            Parts::Tuple(tuple.elems.iter().collect())
        }
        ty => match argument_of(ty, "Option") {
            Some(inner) => Parts::Option(inner),
            None => Parts::One,
        },
    }
}

/// The `T` of `Result<T, E>`, or the whole type where it is written otherwise.
fn value_type(output: &ReturnType) -> Result<&Type, TokenStream> {
    match output {
        ReturnType::Default => Err(quote!(())),
        ReturnType::Type(_, ty) => argument_of(strip(ty), "Result").ok_or_else(|| quote!(#ty)),
    }
}

/// The first type in the brackets of `NAME<…>`.
fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| path.qself.is_none() && last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Whether a type is a descriptor by its name, or holds one.
fn holds_descriptors(ty: &Type) -> bool {
    let mut finder = Finder(false);
    finder.visit_type(ty);
    finder.0
}

struct Finder(bool);

impl Visit<'_> for Finder {
    fn visit_path_segment(&mut self, segment: &PathSegment) {
        self.0 |= DESCRIPTORS.contains(&segment.ident.to_string().as_str());
        visit::visit_path_segment(self, segment);
    }
}
