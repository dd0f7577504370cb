//! The sources of a crate as syntax: the modules that its root reaches, without what only tests see.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Attribute, Item, Meta};

/// A module of a crate that is not a test.
pub(crate) struct Module {
    /// Where it is, such as `crates/genrex-core/src/operations/wait.rs`.
    pub(crate) file: String,
    /// Its path in the crate, such as `failure::table`; empty for the root.
    pub(crate) path: String,
    pub(crate) items: Vec<Item>,
}

impl Module {
    /// What is in a text, as the module of a crate that has no other.
    pub(crate) fn parse(file: &str, path: &str, text: &str) -> anyhow::Result<Self> {
        let items = syn::parse_file(text)
            .with_context(|| format!("{file} cannot be parsed"))?
            .items;
        Ok(Self {
            file: file.to_owned(),
            path: path.to_owned(),
            items: without_tests(items),
        })
    }

    /// Its tokens, with the places that they stand at.
    pub(crate) fn tokens(&self) -> TokenStream {
        self.items.iter().map(Item::to_token_stream).collect()
    }
}

/// All modules that a package's library and its program reach.
pub(crate) fn modules(root: &Path, package: &str) -> anyhow::Result<Vec<Module>> {
    let folder = root.join("crates").join(package).join("src");
    let roots = ["lib.rs", "main.rs"].map(|name| folder.join(name));
    let mut found = Vec::new();
    for entry in roots.iter().filter(|path| path.exists()) {
        collect(root, entry, &folder, "", &mut found)?;
    }
    ensure!(!found.is_empty(), "{package} has no root");
    Ok(found)
}

/// `folder` is where the files of a module's children are.
fn collect(
    root: &Path,
    file: &Path,
    folder: &Path,
    path: &str,
    found: &mut Vec<Module>,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let name = file.strip_prefix(root).unwrap_or(file).display();
    let module = Module::parse(&name.to_string(), path, &text)?;
    for child in &module.items {
        let Item::Mod(child) = child else { continue };
        if child.content.is_some() {
            continue;
        }
        let names = child_paths(&child.attrs, &child.ident.to_string())?;
        for name in names {
            let (file, folder) = child_files(folder, &name);
            let path = join(path, &child.ident.to_string());
            collect(root, &file, &folder, &path, found)?;
        }
    }
    found.push(module);
    Ok(())
}

/// The names of the files that a module may be in; `#[cfg_attr(…, path = "…")]` gives a module several.
fn child_paths(attributes: &[Attribute], name: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for attribute in attributes {
        let tokens = attribute.meta.to_token_stream().to_string();
        let Some((_, given)) = tokens.split_once("path = \"") else {
            continue;
        };
        let given = given.split('"').next().unwrap_or_default();
        ensure!(!given.contains('/'), "{given} is in another folder");
        names.push(given.trim_end_matches(".rs").to_owned());
    }
    if names.is_empty() {
        names.push(name.to_owned());
    }
    Ok(names)
}

fn child_files(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{name}.rs")), folder.join(name))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}::{name}")
    }
}

fn without_tests(items: Vec<Item>) -> Vec<Item> {
    items
        .into_iter()
        .filter(|item| !attributes(item).iter().any(is_test))
        .map(|mut item| {
            match &mut item {
                Item::Mod(module) => {
                    if let Some((_, inner)) = &mut module.content {
                        *inner = without_tests(std::mem::take(inner));
                    }
                }
                Item::Impl(block) => block.items.retain(|item| match item {
                    syn::ImplItem::Fn(function) => !function.attrs.iter().any(is_test),
                    _ => true,
                }),
                _ => {}
            }
            item
        })
        .collect()
}

/// `#[test]` and `#[cfg(test)]`; what a feature brings to users is not a test.
fn is_test(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
