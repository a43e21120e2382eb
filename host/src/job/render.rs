//! Messages as text: file, line and column, the line itself, the offending part underlined.
//!
//! Called by `cli` for standard error. Only arranges what a [`Diagnostic`] holds; decides nothing.

use super::diagnostic::{Diagnostic, Place, Severity};
use super::source::Source;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;

/// Where the text of an argument is said to stand.
const COMMAND_LINE: &str = "command line";

/// All messages, one after another, each ended by a newline and parted by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let texts: Vec<String> =
        diagnostics.iter().map(|d| renderer.render(&[group(d, sources)])).collect();
    texts.iter().map(|t| format!("{t}\n")).collect::<Vec<_>>().join("\n")
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a [Source]) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message));
    if let Some(place) = &diagnostic.place {
        for snippet in snippets(diagnostic, place, sources) {
            group = group.element(snippet);
        }
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    for help in &diagnostic.helps {
        group = group.element(Level::HELP.message(help));
    }
    group
}

/// One snippet for each text that is pointed into: the main place's first.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    place: &'a Place,
    sources: &'a [Source],
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let (name, text, span) = locate(place, sources);
    let main = AnnotationKind::Primary.span(span).label(diagnostic.label.as_deref());
    let mut out = vec![(name, text, vec![main])];
    for (related, words) in &diagnostic.related {
        let (name, text, span) = locate(related, sources);
        let note = AnnotationKind::Context.span(span).label(words.as_str());
        match out.iter_mut().find(|(n, t, _)| *n == name && std::ptr::eq(*t, text)) {
            Some((_, _, notes)) => notes.push(note),
            None => out.push((name, text, vec![note])),
        }
    }
    out.into_iter()
        .map(|(name, text, notes)| Snippet::source(text).path(name).annotations(notes))
        .collect()
}

/// Name, text and span of a place, the span kept inside the text and on its borders of characters.
fn locate<'a>(place: &'a Place, sources: &'a [Source]) -> (&'a str, &'a str, Range<usize>) {
    match place {
        Place::File { source, span } => match sources.get(*source) {
            Some(source) => (&source.name, &source.text, inside(span, &source.text)),
            None => ("", "", 0..0),
        },
        Place::Argument { text, span } => (COMMAND_LINE, text, inside(span, text)),
    }
}

fn inside(span: &Range<usize>, text: &str) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start), floor(span.end));
    start..end.max(start)
}
