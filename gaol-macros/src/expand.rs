//! A checked function, rewritten into a call that a sandboxed process serves.
//!
//! ```text
//! // Input:
//! /// Decodes an untrusted image.
//! #[sandboxed(read = "/srv/uploads", memory = limit, time = "2s")]
//! pub fn thumbnail(path: &Path, mut limit: u64) -> gaol::Result<Thumbnail> {
//!     …
//! }
//!
//! // Output:
//! /// Decodes an untrusted image.
//! pub fn thumbnail(path: &Path, limit: u64) -> gaol::Result<Thumbnail> {
//!     fn __gaol_body(path: &Path, mut limit: u64) -> gaol::Result<Thumbnail> {
//!         …
//!     }
//!     static __GAOL_OPERATIONS: [::gaol::__private::Operation; 1] = [::gaol::__private::Operation::FileReadAll(
//!         ::gaol::__private::PathPattern::Subpath(::gaol::__private::ProfilePath::from_checked("/srv/uploads")),
//!     )];
//!     static __GAOL_ENVIRONMENT: [::gaol::__private::Cow<'static, str>; 0] = [];
//!     static __GAOL_ENTRY: ::gaol::__private::Entry = ::gaol::__private::Entry::new(
//!         ::gaol::__private::concat!(::gaol::__private::module_path!(), "::", "thumbnail"),
//!         ::gaol::__private::file!(),
//!         ::gaol::__private::line!(),
//!         ::gaol::__private::column!(),
//!         "fn(&Path, u64) -> gaol::Result<Thumbnail>",
//!         ::gaol::__private::Profile::from_parts(&__GAOL_OPERATIONS, &__GAOL_ENVIRONMENT, …),
//!         &["path", "limit"],
//!         __gaol_serve,
//!     );
//!     fn __gaol_errors() -> ::gaol::__private::ErrorCodec<
//!         <gaol::Result<Thumbnail> as ::gaol::__private::Returned>::Err,
//!     > {
//!         use ::gaol::__private::{CodecDisplay as _, CodecError as _, CodecSerde as _};
//!         (&&&::gaol::__private::ErrorType::<
//!             <gaol::Result<Thumbnail> as ::gaol::__private::Returned>::Err,
//!         >::NEW).codec()
//!     }
//!     fn __gaol_serve(request: ::gaol::__private::Request<'_>) -> ::gaol::__private::Reply {
//!         use ::gaol::__private::{
//!             Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _, WayOfSerde as _,
//!         };
//!         ::gaol::__private::serve(
//!             request,
//!             |reader| ::gaol::__private::Ok((
//!                 ::gaol::__private::Place::new((&&&&::gaol::__private::Way::<Path>::NEW).codec().decode_as("parameter `path`", reader)?),
//!                 ::gaol::__private::Place::new((&&&&::gaol::__private::Way::<u64>::NEW).codec().decode_as("parameter `limit`", reader)?),
//!             )),
//!             |(a0, a1): &mut (
//!                 ::gaol::__private::Place<<Path as ::gaol::__private::Sent>::Owned>,
//!                 ::gaol::__private::Place<u64>,
//!             )| __gaol_body(<Path as ::gaol::__private::Sent>::lend(a0.lend()), a1.take()),
//!             |value, (a0, a1): …, writer| {
//!                 (&&&&::gaol::__private::Way::<Thumbnail>::NEW).codec().encode_as("its result", value, writer)?;
//!                 ::gaol::__private::Ok(())
//!             },
//!             __gaol_errors(),
//!         )
//!     }
//!     ::gaol::__private::submit! { ::gaol::__private::Registration::new(&__GAOL_ENTRY) }
//!     ::gaol::__private::assert_crosses::<<Path as ::gaol::__private::Sent>::Owned>();
//!     ::gaol::__private::assert_crosses::<u64>();
//!     ::gaol::__private::assert_crosses::<Thumbnail>();
//!     let dynamic = ::gaol::__private::evaluate(|| ::gaol::__private::Dynamic::new(true).memory(&limit));
//!     use ::gaol::__private::{…};
//!     ::gaol::__private::prepared(&__GAOL_ENTRY, dynamic, |writer| {
//!         (&&&&::gaol::__private::Way::<Path>::NEW).codec().encode_as("parameter `path`", &*path, writer)?;
//!         (&&&&::gaol::__private::Way::<u64>::NEW).codec().encode_as("parameter `limit`", &::gaol::__private::identity(limit), writer)?;
//!         ::gaol::__private::Ok(())
//!     })
//!     .call(
//!         |reader| {
//!             let value = (&&&&::gaol::__private::Way::<Thumbnail>::NEW).codec().decode_as("its result", reader)?;
//!             reader.end()?;
//!             ::gaol::__private::Ok(value)
//!         },
//!         __gaol_errors(),
//!     )
//! }
//! ```
//!
//! The lint attributes stay on the outer function alone: what is nested inside it inherits them, and a second
//! `#[expect]` would never be met. Generated tokens stand where the user's word stands that they depend on (a parameter's
//! type, the return type), since that is where rustc then reports.

mod profile;
mod ways;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ReturnType, Signature, Token};

use crate::ast::{Arguments, Function, Parameter};
use crate::names;
use crate::spec::Profile;
use crate::text::text;

/// The function, and inside it everything that its calls need.
pub(crate) fn expand(arguments: &Arguments, profile: &Profile, function: &Function) -> TokenStream {
    let root = &arguments.root;
    let private = &quote!(#root::__private);
    let returned = &match &function.signature.output {
        ReturnType::Type(_, ty) => ty.to_token_stream(),
        ReturnType::Default => quote!(()),
    };
    let names = outer_names(profile, function);

    let attributes = &function.attributes;
    let visibility = &function.visibility;
    let outer = outer_signature(function, &names);
    let body = body(profile, function);
    let statics = profile::statics(private, profile);
    let entry = entry(private, profile, function);
    let value = ways::value_name(private, &function.signature.output);
    let errors = errors(private, returned);
    let serve = serve(private, function);
    let call = call(private, profile, function, &names);
    let inside = quote! {
        #body
        #statics
        #entry
        #value
        #errors
        #serve
        #private::submit! { #private::Registration::new(&__GAOL_ENTRY) }
        #call
    };
    // With the braces of the text: lints such as `dead_code` look past a function that ends in generated tokens.
    let mut block = Group::new(Delimiter::Brace, inside);
    block.set_span(function.body.span());
    quote! {
        #(#attributes)*
        #visibility #outer #block
    }
}

/// The parameters' own names, or one made up where a pattern has none. A made-up name cannot meet one of the user's.
fn outer_names(profile: &Profile, function: &Function) -> Vec<Ident> {
    let made_up = |index: usize| format_ident!("argument{index}", span = Span::mixed_site());
    let name = |(index, parameter): (usize, &Parameter)| {
        let Some(name) = parameter.name() else { return made_up(index) };
        let written = name.to_string();
        let named = profile.dynamic.iter().any(|(_, expression)| names::mentions(expression, &written));
        if !written.starts_with('_') || named {
            return name.clone();
        }
        // The call uses what the body leaves unused, and lints would hold the user's `_` against it.
        match syn::parse_str::<Ident>(written.trim_start_matches('_')) {
            Ok(bare) => Ident::new(&bare.to_string(), Span::mixed_site()),
            Err(_) => made_up(index),
        }
    };
    function.parameters.iter().enumerate().map(name).collect()
}

/// The signature with a plain name for each parameter.
fn outer_signature(function: &Function, names: &[Ident]) -> Signature {
    let mut signature = function.signature.clone();
    let parameters = function.parameters.iter().zip(names);
    signature.inputs = parameters
        .map(|(parameter, name)| -> syn::FnArg {
            let (attributes, ty) = (&parameter.attributes, &parameter.ty);
            syn::parse_quote!(#(#attributes)* #name: #ty)
        })
        .collect::<Punctuated<_, Token![,]>>();
    signature
}

/// The function as it was written, under another name.
fn body(profile: &Profile, function: &Function) -> TokenStream {
    let mut signature = function.signature.clone();
    signature.ident = Ident::new("__gaol_body", Span::call_site());
    // What the attribute alone uses is used.
    for (input, parameter) in signature.inputs.iter_mut().zip(&function.parameters) {
        let named = parameter.name().map(|name| name.to_string());
        let used = |name: &String| profile.dynamic.iter().any(|(_, expression)| names::mentions(expression, name));
        if let (syn::FnArg::Typed(input), true) = (input, named.as_ref().is_some_and(used)) {
            input.attrs.push(syn::parse_quote!(#[allow(unused_variables)]));
        }
    }
    let body = &function.body;
    quote! {
        // The user cannot leave the `Result` out, even where the body never fails.
        #[allow(clippy::unnecessary_wraps)]
        #signature #body
    }
}

fn entry(private: &TokenStream, profile: &Profile, function: &Function) -> TokenStream {
    let signature = &function.signature;
    let name = signature.ident.unraw().to_string();
    let types: Vec<String> = function.parameters.iter().map(|parameter| text(&parameter.ty)).collect();
    let signature_text = format!("fn({}){}", types.join(", "), text(&signature.output));
    let (keys, expressions): (Vec<_>, Vec<_>) =
        profile.dynamic.iter().map(|(key, expression)| (key.as_str(), text(expression))).unzip();
    let profile = profile::value(private, profile);
    quote! {
        static __GAOL_ENTRY: #private::Entry = #private::Entry::new(
            #private::concat!(#private::module_path!(), "::", #name),
            #private::file!(),
            #private::line!(),
            #private::column!(),
            #signature_text,
            #profile,
            &[#((#keys, #expressions)),*],
            __gaol_serve,
        );
    }
}

/// How the function's error type crosses: the method that the fewest references reach wins.
fn errors(private: &TokenStream, returned: &TokenStream) -> TokenStream {
    let span = returned.span();
    let there = located(private, span);
    // On the return type, so that rustc says there what is missing.
    let error = quote_spanned!(span=> <#returned as #there::Returned>::Err);
    let codec = quote_spanned!(span=> #there::ErrorCodec<#error>);
    let chosen = quote_spanned!(span=> (&&&#there::ErrorType::<#error>::NEW).codec());
    quote! {
        // What is complex in it is the user's return type, which clippy has judged where it stands.
        #[allow(clippy::type_complexity)]
        fn __gaol_errors() -> #codec {
            // Only one of the three is needed, and which one is known only to the compiler.
            #[allow(unused_imports)]
            use #private::{CodecDisplay as _, CodecError as _, CodecSerde as _};
            #chosen
        }
    }
}

fn serve(private: &TokenStream, function: &Function) -> TokenStream {
    let (mut bindings, mut types, mut reads, mut lent, mut changed) = (vec![], vec![], vec![], vec![], vec![]);
    for (index, parameter) in function.parameters.iter().enumerate() {
        let binding = format_ident!("a{index}", span = Span::mixed_site());
        let codec = ways::codec(private, parameter.borrowed().unwrap_or(&parameter.ty));
        let whole = whole(parameter);
        reads.push(quote!(#private::Place::new(#codec.decode_as(#whole, reader)?)));
        lent.push(match sent(private, parameter) {
            // Lent to be changed, it is what it is: a slice is lent by its vector.
            Some(_) if parameter.is_changed() => quote!(&mut *#binding.lend()),
            Some(sent) => quote!(#sent::lend(#binding.lend())),
            None => quote!(#binding.take()),
        });
        if parameter.is_changed() {
            let sent = sent(private, parameter);
            changed.push(quote!(#codec.encode_as(#whole, #sent::lend(#binding.lend()), writer)?;));
        }
        types.push(owned(private, parameter));
        bindings.push(binding);
    }
    let result = ways::codec_of_result(private, &function.signature.output);
    let uses = ways::uses(private);
    let places = quote!((#(#private::Place<#types>,)*));
    let span = returned_span(function);
    let there = located(private, span);
    let served = quote_spanned! {span=>
        #there::serve(
            request,
            |reader| #there::Ok((#(#reads,)*)),
            |(#(#bindings,)*): &mut #places| __gaol_body(#(#lent),*),
            |value, (#(#bindings,)*): &mut #places, writer| {
                #result.encode_as("its result", value, writer)?;
                #(#changed)*
                #there::Ok(())
            },
            __gaol_errors(),
        )
    };
    quote! {
        #[allow(clippy::type_complexity, unused_variables)]
        fn __gaol_serve(request: #private::Request<'_>) -> #private::Reply {
            #uses
            #served
        }
    }
}

/// What a parameter is called where it cannot cross.
fn whole(parameter: &Parameter) -> String {
    match parameter.name() {
        Some(name) => format!("parameter `{}`", name.unraw()),
        None => "a parameter".to_owned(),
    }
}

/// `<T as Sent>` for a parameter of type `&T`.
fn sent(private: &TokenStream, parameter: &Parameter) -> Option<TokenStream> {
    let borrowed = parameter.borrowed()?;
    let there = located(private, borrowed.span());
    Some(quote_spanned!(borrowed.span()=> <#borrowed as #there::Sent>))
}

/// The type that the child receives.
fn owned(private: &TokenStream, parameter: &Parameter) -> TokenStream {
    match sent(private, parameter) {
        Some(sent) => quote_spanned!(parameter.ty.span()=> #sent::Owned),
        None => parameter.ty.to_token_stream(),
    }
}

/// Where rustc is to say what is wrong with what is returned.
fn returned_span(function: &Function) -> Span {
    match &function.signature.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => Span::call_site(),
    }
}

/// The same tokens at another place.
fn located(tokens: &TokenStream, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(respan).collect()
}

fn call(private: &TokenStream, profile: &Profile, function: &Function, names: &[Ident]) -> TokenStream {
    // On the types, so that rustc says there what serde misses.
    let parameters = function.parameters.iter().map(|parameter| ways::assertions(private, parameter));
    let result = ways::assertions_of_result(private, &function.signature.output);
    let span = returned_span(function);
    let there = located(private, span);
    let uses = ways::uses(private);
    let (writes, reads) = (writes(private, function, names), reads(private, function, names));
    let call = |dynamic: TokenStream| {
        let prepared = quote_spanned!(span=> #there::prepared(&__GAOL_ENTRY, #dynamic, |writer| #writes));
        quote_spanned!(span=> #prepared.call(|reader| #reads, __gaol_errors()))
    };
    if profile.dynamic.is_empty() {
        let call = call(quote!(#private::Dynamic::NONE));
        return quote!(#(#parameters)* #result #uses #call);
    }
    let per_call = profile.dynamic.iter().any(|(_, expression)| mentions_parameter(expression, function));
    let values = profile.dynamic.iter().map(|(key, expression)| {
        let method = Ident::new(key.as_str(), Span::call_site());
        let value = borrowed(expression);
        quote!(.#method(#value))
    });
    let dynamic = Ident::new("dynamic", Span::mixed_site());
    let call = call(quote!(#dynamic));
    quote! {
        #(#parameters)*
        #result
        let #dynamic = #private::evaluate(|| #private::Dynamic::new(#per_call) #(#values)*);
        #uses
        #call
    }
}

/// Writes the arguments.
fn writes(private: &TokenStream, function: &Function, names: &[Ident]) -> TokenStream {
    let writes = function.parameters.iter().zip(names).map(|(parameter, name)| {
        let whole = whole(parameter);
        match parameter.borrowed() {
            Some(borrowed) => {
                let codec = ways::codec(private, borrowed);
                quote!(#codec.encode_as(#whole, &*#name, writer)?;)
            }
            None => {
                let codec = ways::codec(private, &parameter.ty);
                // Used up, as by the function itself: lints see a parameter that is passed by value for nothing otherwise.
                quote!(#codec.encode_as(#whole, &#private::identity(#name), writer)?;)
            }
        }
    });
    let unused = function.parameters.is_empty().then(|| quote!(let _ = writer;));
    quote!({ #unused #(#writes)* #private::Ok(()) })
}

/// Reads the result, and what comes back for the parameters that the function may change: all of it before the first is changed.
fn reads(private: &TokenStream, function: &Function, names: &[Ident]) -> TokenStream {
    let result = ways::codec_of_result(private, &function.signature.output);
    let (mut reads, mut checks, mut changes) = (vec![], vec![], vec![]);
    for (index, (parameter, name)) in function.parameters.iter().zip(names).enumerate() {
        if let Some(borrowed) = parameter.borrowed().filter(|_| parameter.is_changed()) {
            let back = format_ident!("back{index}", span = Span::mixed_site());
            let codec = ways::codec(private, borrowed);
            let whole = whole(parameter);
            reads.push(quote!(let #back = #codec.decode_as(#whole, reader)?;));
            checks.push(quote!(<#borrowed as #private::Returns>::fits(&*#name, &#back)?;));
            changes.push(quote!(<#borrowed as #private::Returns>::put_back(&mut *#name, #back);));
        }
    }
    let value = Ident::new("value", Span::mixed_site());
    quote! {{
        let #value = #result.decode_as("its result", reader)?;
        #(#reads)*
        reader.end()?;
        #(#checks)*
        #(#changes)*
        #private::Ok(#value)
    }}
}

fn mentions_parameter(expression: &Expr, function: &Function) -> bool {
    let names = function.parameters.iter().filter_map(Parameter::name);
    names.into_iter().any(|name| names::mentions(expression, &name.to_string()))
}

/// `&expression`, in parentheses only where they are needed: rustc would call others unused.
fn borrowed(expression: &Expr) -> TokenStream {
    let ampersand = quote_spanned!(expression.span()=> &);
    match expression {
        Expr::Array(_)
        | Expr::Block(_)
        | Expr::Call(_)
        | Expr::Field(_)
        | Expr::Index(_)
        | Expr::Lit(_)
        | Expr::Macro(_)
        | Expr::MethodCall(_)
        | Expr::Path(_)
        | Expr::Reference(_)
        | Expr::Tuple(_) => quote!(#ampersand #expression),
        _ => quote_spanned!(expression.span()=> & (#expression)),
    }
}
