//! `#[derive(Taint)]`: a struct, and beside it a second one with each field tainted.
//!
//! ```text
//! // Input:
//! #[derive(Taint)]
//! pub struct Header {
//!     /// In pixels.
//!     pub width: u32,
//!     name: String,
//! }
//!
//! // Output:
//! /// [`Header`] from a sandbox, field by field.
//! #[derive(::gaol::__private::Debug)]
//! pub struct TaintedHeader {
//!     /// In pixels.
//!     pub width: ::gaol::__private::Tainted<u32>,
//!     name: ::gaol::__private::Tainted<String>,
//! }
//! impl ::gaol::__private::Taint for Header {
//!     type Fields = TaintedHeader;
//!     fn into_fields(self) -> TaintedHeader {
//!         TaintedHeader {
//!             width: ::gaol::__private::Tainted::new(self.width),
//!             name: ::gaol::__private::Tainted::new(self.name),
//!         }
//!     }
//! }
//! impl ::gaol::__private::From<::gaol::__private::Tainted<Header>> for TaintedHeader {
//!     fn from(tainted: ::gaol::__private::Tainted<Header>) -> Self {
//!         ::gaol::__private::Tainted::split(tainted)
//!     }
//! }
//! ```
//!
//! Names, visibility, generics and the fields' documentation are those of the struct. Most other attributes are for other derives.

mod self_type;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DataStruct, DeriveInput, Field, Fields, Index, Member, Meta, Path, Token, parse_quote};

use self::self_type::NameSelf;
use crate::attr;
use crate::report::Report;

/// Parse, check, expand. A mistake in an attribute leaves the second struct there, so that its users cause no further errors.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut report = Report::default();
    let root = root(&input.attrs, &mut report);
    let structure = check_has_fields(&input, &mut report);
    let structs = match structure {
        Some(structure) => {
            check_field_attributes(structure, &mut report);
            structs(&root, &input, structure)
        }
        None => TokenStream::new(),
    };
    let mut output = report.into_tokens();
    output.extend(structs);
    output
}

/// Where the library is: `::gaol`, or what `#[taint(crate = …)]` says.
fn root(attributes: &[Attribute], report: &mut Report) -> Path {
    let mut root: Path = parse_quote!(::gaol);
    for attribute in attributes.iter().filter(|attribute| is_ours(attribute)) {
        let parsed = attribute.parse_args_with(|input: ParseStream<'_>| {
            let name = input.call(Ident::parse_any)?;
            if name != "crate" {
                return Err(syn::Error::new_spanned(&name, unknown_key(&name)));
            }
            let root = attr::parse_root(&name, input)?;
            let _: Option<Token![,]> = input.parse()?;
            Ok(root)
        });
        match parsed {
            Ok(path) => root = path,
            Err(error) => report.push(error),
        }
    }
    root
}

fn unknown_key(name: &Ident) -> String {
    format!("`{name}` is not a key of `#[taint(…)]`; expected `crate`, as in `#[taint(crate = my_gaol)]`")
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("taint")
}

/// Only what has fields whatever its value is falls into them.
fn check_has_fields<'a>(input: &'a DeriveInput, report: &mut Report) -> Option<&'a DataStruct> {
    let name = &input.ident;
    match &input.data {
        Data::Struct(structure) if !structure.fields.is_empty() => return Some(structure),
        Data::Struct(_) => report.error(name, format!("`{name}` has no field to taint; remove `Taint`")),
        Data::Enum(data) => report.error(
            data.enum_token,
            format!(
                "the child chooses the variant of `{name}` too, so an enum is verified as a whole; remove `Taint`, and write \
                 `Tainted<{name}>` where it is returned"
            ),
        ),
        Data::Union(data) => report.error(
            data.union_token,
            format!("nothing says which field of `{name}` is there; return a struct, or an enum that is verified as a whole"),
        ),
    }
    None
}

/// A field that is left untainted would be a way in.
fn check_field_attributes(structure: &DataStruct, report: &mut Report) {
    for attribute in structure.fields.iter().flat_map(|field| &field.attrs).filter(|attribute| is_ours(attribute)) {
        report.error(
            attribute,
            "every field is tainted, since every field comes from the child; remove this, and call `trust_because` where the field is used",
        );
    }
}

/// The second struct, and the way to it.
fn structs(root: &Path, input: &DeriveInput, structure: &DataStruct) -> TokenStream {
    let private = &quote!(#root::__private);
    let (name, visibility) = (&input.ident, &input.vis);
    let tainted_name = format_ident!("Tainted{}", name.unraw(), span = name.span());

    let mut input = input.clone();
    let mut fields = structure.fields.clone();
    NameSelf::of(&input).apply(&mut input.generics, &mut fields);
    let constructors: Vec<TokenStream> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let member = member(index, field);
            quote!(#member: #private::Tainted::new(self.#member))
        })
        .collect();
    for field in &mut fields {
        field.attrs.retain(is_documentation);
        let ty = &field.ty;
        field.ty = syn::Type::Verbatim(quote!(#private::Tainted<#ty>));
    }
    let (parameters, arguments, conditions) = input.generics.split_for_impl();
    let generics = &input.generics;
    let body = match &fields {
        Fields::Named(fields) => quote!(#conditions #fields),
        Fields::Unnamed(fields) => quote!(#fields #conditions;),
        Fields::Unit => quote!(;),
    };
    let copied = input.attrs.iter().filter(|attribute| is_copied(attribute));
    let documentation = format!(" [`{name}`] from a sandbox, field by field.");
    quote! {
        #[doc = #documentation]
        #[derive(#private::Debug)]
        // The fields are those of the other struct, used or not.
        #[allow(dead_code, missing_docs, clippy::type_complexity)]
        #(#copied)*
        #visibility struct #tainted_name #generics #body

        #[automatically_derived]
        #[allow(deprecated)]
        impl #parameters #private::Taint for #name #arguments #conditions {
            type Fields = #tainted_name #arguments;
            fn into_fields(self) -> #tainted_name #arguments {
                #tainted_name { #(#constructors),* }
            }
        }

        #[automatically_derived]
        impl #parameters #private::From<#private::Tainted<#name #arguments>> for #tainted_name #arguments #conditions {
            fn from(tainted: #private::Tainted<#name #arguments>) -> Self {
                #private::Tainted::split(tainted)
            }
        }
    }
}

/// `#[non_exhaustive]`, and `#[doc(hidden)]`. What the documentation says has a link to it: its examples run once.
fn is_copied(attribute: &Attribute) -> bool {
    attribute.path().is_ident("non_exhaustive")
        || is_documentation(attribute) && matches!(attribute.meta, Meta::List(_))
}

fn is_documentation(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

/// `width`, or `0`.
fn member(index: usize, field: &Field) -> Member {
    match &field.ident {
        Some(name) => Member::Named(name.clone()),
        None => Member::Unnamed(Index { index: u32::try_from(index).unwrap_or(u32::MAX), span: field.ty.span() }),
    }
}
