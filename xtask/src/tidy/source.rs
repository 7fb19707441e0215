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
    /// Names of the constants outside tests.
    pub(crate) constants: Vec<String>,
}

/// A function or method with a body.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

impl Source {
    /// Reads the structure; the error is an offence for the report.
    pub(crate) fn parse(name: PathBuf, text: String) -> Result<Self, String> {
        let file = syn::parse_file(&text)
            .map_err(|error| format!("{}: cannot be parsed: {error}", name.display()))?;
        let mut reader = Reader::default();
        reader.visit_file(&file);
        Ok(Self { name, text, functions: reader.functions, constants: reader.constants })
    }
}

#[derive(Default)]
struct Reader {
    functions: Vec<Function>,
    constants: Vec<String>,
    in_tests: bool,
}

impl Reader {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let line = signature.span().start().line;
        let lines = body.span().end().line - line + 1;
        self.functions.push(Function { name: signature.ident.to_string(), line, lines });
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_item_const(&mut self, constant: &'ast syn::ItemConst) {
        if !self.in_tests {
            self.constants.push(constant.ident.to_string());
        }
    }

    fn visit_impl_item_const(&mut self, constant: &'ast syn::ImplItemConst) {
        if !self.in_tests {
            self.constants.push(constant.ident.to_string());
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let before = self.in_tests;
        self.in_tests |= module.ident == "tests";
        visit::visit_item_mod(self, module);
        self.in_tests = before;
    }
}
