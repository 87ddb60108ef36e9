//! From text to nodes.

use super::{Expression, FIELDS, Field, LABELS, Layout, Node};

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The character, counted from one.
    pub(super) position: usize,
    pub(super) what: String,
    pub(super) expected: String,
}

const EXPECTED: &str = "give text with {{.Data}}, {{.ContainerName}}, {{index .Container.Config.Labels \"NAME\"}}, \
                        {{.Time.Format \"LAYOUT\"}} or {{toJSON .Data}}";

/// Takes a template apart.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Problem> {
    let mut nodes = Vec::new();
    let mut rest = text;
    // After `-}}` white space is left out.
    let mut trim = false;
    loop {
        let place = Place { text, rest };
        let (before, inner) = rest.split_once("{{").unwrap_or((rest, ""));
        let opened = before.len() < rest.len();
        let dash = opened && is_trim_mark(inner);
        let mut literal = if trim { before.trim_start() } else { before };
        if dash {
            literal = literal.trim_end();
        }
        if !literal.is_empty() {
            nodes.push(Node::Text(literal.as_bytes().to_vec()));
        }
        if !opened {
            return Ok(nodes);
        }
        let body = inner.get(usize::from(dash)..).unwrap_or_default();
        let mut action = Action { text, rest: body };
        if let Some(comment) = body.trim_start().strip_prefix("/*") {
            let (_, after) = comment
                .split_once("*/")
                .ok_or_else(|| place.problem("a comment without an end", "add */"))?;
            action.rest = after;
        } else {
            nodes.push(Node::Value(action.pipeline()?));
        }
        (rest, trim) = action.close()?;
    }
}

/// `{{- ` needs its space: `{{-3}}` is a number.
fn is_trim_mark(inner: &str) -> bool {
    inner.starts_with('-') && inner.get(1..).is_some_and(|after| after.starts_with(char::is_whitespace))
}

/// Where in the text something is, for problems.
struct Place<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Place<'_> {
    fn problem(&self, what: impl Into<String>, expected: impl Into<String>) -> Problem {
        let before = self.text.len().saturating_sub(self.rest.len());
        let position = self.text.char_indices().take_while(|(at, _)| *at < before).count() + 1;
        Problem { position, what: what.into(), expected: expected.into() }
    }
}

/// What is between the braces, from here on.
struct Action<'a> {
    text: &'a str,
    rest: &'a str,
}

/// A command before it is known what it means.
#[derive(Debug)]
enum Word {
    /// `.A.B`
    Path(String),
    /// `index`
    Name(String),
    Value(Expression),
}

impl<'a> Action<'a> {
    fn problem<T>(&self, at: &'a str, what: impl Into<String>) -> Result<T, Problem> {
        Err(Place { text: self.text, rest: at }.problem(what, EXPECTED))
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Behind the closing braces, and whether white space after them is left out.
    fn close(&mut self) -> Result<(&'a str, bool), Problem> {
        let spaced = self.rest.starts_with(char::is_whitespace);
        self.skip_space();
        if spaced && let Some(rest) = self.rest.strip_prefix("-}}") {
            return Ok((rest, true));
        }
        match self.rest.strip_prefix("}}") {
            Some(rest) => Ok((rest, false)),
            None => self.problem(self.rest, "there is no }} here"),
        }
    }

    /// Commands, each the last argument of the next.
    fn pipeline(&mut self) -> Result<Expression, Problem> {
        let mut value = self.command(None)?;
        loop {
            let before = self.rest;
            self.skip_space();
            let Some(rest) = self.rest.strip_prefix('|') else {
                self.rest = before;
                return Ok(value);
            };
            self.rest = rest;
            value = self.command(Some(value))?;
        }
    }

    fn command(&mut self, piped: Option<Expression>) -> Result<Expression, Problem> {
        self.skip_space();
        let at = self.rest;
        let Some(first) = self.word()? else {
            return self.problem(at, "there is nothing where a value should be");
        };
        let mut arguments = Vec::new();
        loop {
            let before = self.rest;
            self.skip_space();
            let place = self.rest;
            let Some(word) = self.word()? else {
                self.rest = before;
                break;
            };
            arguments.push(self.argument(place, word)?);
        }
        arguments.extend(piped);
        self.call(at, first, arguments)
    }

    fn argument(&self, at: &'a str, word: Word) -> Result<Expression, Problem> {
        match word {
            Word::Value(value) => Ok(value),
            other => self.call(at, other, Vec::new()),
        }
    }

    fn call(&self, at: &'a str, what: Word, arguments: Vec<Expression>) -> Result<Expression, Problem> {
        match what {
            Word::Value(value) if arguments.is_empty() => Ok(value),
            Word::Value(_) => self.problem(at, "a value takes no arguments"),
            Word::Path(path) => self.path(at, &path, &arguments),
            Word::Name(name) => self.function(at, &name, arguments),
        }
    }

    fn function(&self, at: &'a str, name: &str, arguments: Vec<Expression>) -> Result<Expression, Problem> {
        let mut arguments = arguments.into_iter();
        match (name, arguments.len()) {
            ("index", 2..) => {
                let Some(of) = arguments.next() else { return self.problem(at, "index of nothing") };
                let keys: Vec<_> = arguments.collect();
                let fits = match (&of, keys.as_slice()) {
                    (Expression::Field(Field::Labels), [key]) => !matches!(key, Expression::Number(_)),
                    (Expression::NameSplit(..), [Expression::Number(_)]) => true,
                    _ => false,
                };
                if !fits {
                    return self
                        .problem(at, "index goes into labels by name or into ContainerNameSplitN by number");
                }
                Ok(Expression::Index(Box::new(of), keys))
            }
            ("index", _) => self.problem(at, "index needs something and a key"),
            ("toJSON", 1) => {
                let Some(of) = arguments.next() else { return self.problem(at, "toJSON of nothing") };
                Ok(Expression::ToJson(Box::new(of)))
            }
            ("toJSON", _) => self.problem(at, "toJSON takes one value"),
            _ => self.problem(at, format!("{name} is not known here")),
        }
    }

    fn path(&self, at: &'a str, path: &str, arguments: &[Expression]) -> Result<Expression, Problem> {
        match (path, arguments) {
            (".Time.Format", [Expression::Text(layout)]) => Ok(Expression::Format(Layout::parse(layout))),
            (".Time.Format", _) => self.problem(at, ".Time.Format takes a layout in quotes"),
            (".ContainerNameSplitN", [Expression::Text(separator), Expression::Number(count)]) => {
                Ok(Expression::NameSplit(separator.clone(), *count))
            }
            (".ContainerNameSplitN", _) => {
                self.problem(at, ".ContainerNameSplitN takes a separator in quotes and a number")
            }
            (_, [_, ..]) => self.problem(at, format!("{path} takes no arguments")),
            (".", []) => Ok(Expression::Message),
            (path, []) => self.field(at, path),
        }
    }

    fn field(&self, at: &'a str, path: &str) -> Result<Expression, Problem> {
        if let Some((_, field)) = FIELDS.iter().find(|(name, _)| *name == path) {
            return Ok(Expression::Field(*field));
        }
        if let Some(label) = path.strip_prefix(LABELS).filter(|label| !label.contains('.')) {
            return Ok(Expression::Label(label.to_owned()));
        }
        if path.starts_with(".Container.Config.Env") {
            return self.problem(at, "a container's environment is never shown");
        }
        let known: Vec<_> = FIELDS.iter().map(|(name, _)| *name).collect();
        let place = Place { text: self.text, rest: at };
        let what = format!("{path} is not known here");
        Err(place
            .problem(what, format!("known are {}, .Time.Format and .ContainerNameSplitN", known.join(", "))))
    }

    /// The next operand; `None` at the end of the command.
    fn word(&mut self) -> Result<Option<Word>, Problem> {
        let at = self.rest;
        let Some(first) = at.chars().next() else { return Ok(None) };
        Ok(Some(match first {
            '(' => {
                self.rest = at.get(1..).unwrap_or_default();
                let inner = self.pipeline()?;
                self.skip_space();
                let Some(rest) = self.rest.strip_prefix(')') else {
                    return self.problem(self.rest, "there is no ) here");
                };
                self.rest = rest;
                Word::Value(inner)
            }
            '"' => Word::Value(Expression::Text(self.quoted()?)),
            '`' => {
                let raw = at.get(1..).unwrap_or_default();
                let Some((text, rest)) = raw.split_once('`') else {
                    return self.problem(at, "a text without its closing quote");
                };
                self.rest = rest;
                Word::Value(Expression::Text(text.to_owned()))
            }
            '.' => Word::Path(self.take(|c| c == '.' || c == '_' || c.is_alphanumeric()).to_owned()),
            '-' if !at.starts_with("-}}") => self.number(at)?,
            '0'..='9' => self.number(at)?,
            '_' | 'a'..='z' | 'A'..='Z' => {
                Word::Name(self.take(|c| c == '_' || c.is_alphanumeric()).to_owned())
            }
            '$' => return self.problem(at, "variables are not known here"),
            _ => return Ok(None),
        }))
    }

    fn number(&mut self, at: &'a str) -> Result<Word, Problem> {
        let text = self.take(|c| c == '-' || c.is_ascii_alphanumeric());
        match text.parse() {
            Ok(number) => Ok(Word::Value(Expression::Number(number))),
            Err(_) => self.problem(at, format!("{text} is not a whole number")),
        }
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// A text in double quotes with Go's usual escapes.
    fn quoted(&mut self) -> Result<String, Problem> {
        let at = self.rest;
        let mut out = String::new();
        let mut chars = at.char_indices().skip(1);
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = at.get(index + 1..).unwrap_or_default();
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, 'r')) => out.push('\r'),
                    Some((_, quoted @ ('"' | '\\' | '\''))) => out.push(quoted),
                    _ => return self.problem(at, "a backslash goes before n, t, r, \\ or a quote"),
                },
                '\n' => break,
                other => out.push(other),
            }
        }
        self.problem(at, "a text without its closing quote")
    }
}
