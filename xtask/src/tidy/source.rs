//! One source file, parsed far enough to know its functions and its constants.

use std::path::PathBuf;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A file of the workspace.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the workspace's root.
    pub(crate) name: PathBuf,
    pub(crate) text: String,
    pub(crate) functions: Vec<Function>,
    /// The constants outside tests.
    pub(crate) constants: Vec<Constant>,
}

/// A function or method with a body.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// A constant.
#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: String,
    /// Its value as it stands in the source, on one line.
    pub(crate) value: String,
    /// Its doc comment on one line.
    pub(crate) doc: String,
}

impl Source {
    /// Reads the structure; the error is an offence for the report.
    pub(crate) fn parse(name: PathBuf, text: String) -> Result<Self, String> {
        let file = syn::parse_file(&text)
            .map_err(|error| format!("{}: cannot be parsed: {error}", name.display()))?;
        let mut reader = Reader {
            text: &text,
            functions: Vec::new(),
            constants: Vec::new(),
            in_tests: false,
        };
        reader.visit_file(&file);
        let Reader {
            functions,
            constants,
            ..
        } = reader;
        Ok(Self {
            name,
            text,
            functions,
            constants,
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    functions: Vec<Function>,
    constants: Vec<Constant>,
    in_tests: bool,
}

impl Reader<'_> {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let line = signature.span().start().line;
        let lines = body.span().end().line - line + 1;
        self.functions.push(Function {
            name: signature.ident.to_string(),
            line,
            lines,
        });
    }

    fn constant(&mut self, name: &syn::Ident, value: &syn::Expr, attributes: &[syn::Attribute]) {
        if self.in_tests {
            return;
        }
        let value = self.text.get(value.span().byte_range()).unwrap_or_default();
        let doc: Vec<String> = attributes.iter().filter_map(doc_line).collect();
        self.constants.push(Constant {
            name: name.to_string(),
            value: on_one_line(value),
            doc: on_one_line(&doc.join(" ")),
        });
    }
}

fn doc_line(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    match &meta.value {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) if meta.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_item_const(&mut self, constant: &'ast syn::ItemConst) {
        self.constant(&constant.ident, &constant.expr, &constant.attrs);
    }

    fn visit_impl_item_const(&mut self, constant: &'ast syn::ImplItemConst) {
        self.constant(&constant.ident, &constant.expr, &constant.attrs);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let before = self.in_tests;
        self.in_tests |= module.ident == "tests";
        visit::visit_item_mod(self, module);
        self.in_tests = before;
    }
}
