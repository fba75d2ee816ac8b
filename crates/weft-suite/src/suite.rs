//! A suite as people write it.
//!
//! In: text of a file. Out: [`Suite`], or every fault with its place. Holds: a suite that was read is wholly understood.
//!
//! ```yaml
//! suite: Who may take payments
//! files: [../]                       # configuration, seen from this file; or `objects:` in place
//! defaults: {from: sleep.checkout}   # words that every call has
//! cases:
//!   - name: a browser sees the page
//!     call: {gateway: shop.production, to: "shop.example.com:80", path: /}
//!     expect: {outcome: routed, to: frontend.production}
//! ```

use serde_json::{Map, Value};
use weft_explain::Call;
use weft_model::Place;
use weft_model::api::yaml::{self, Document};

use crate::expect::Expectation;
use crate::words;

/// What is wrong with a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What is wrong and what to do.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A suite.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Its name; that of its file unless said.
    pub name: String,
    /// File that it was read from.
    pub file: String,
    /// Files and folders with configuration, as written.
    pub files: Vec<String>,
    /// Objects that are written in the suite itself.
    pub objects: Vec<Value>,
    /// Cases, in the order of the file.
    pub cases: Vec<Case>,
    document: Document,
}

/// A call, and what is expected of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Name; told with the place.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The call.
    pub call: Call,
    pub(crate) expectations: Vec<Expectation>,
}

/// Whether a document is a suite, so that a folder with suites can be read for its objects.
#[must_use]
pub fn is_suite(document: &Value) -> bool {
    document.get("cases").is_some() && document.get("kind").is_none()
}

const OF_SUITE: [&str; 5] = ["suite", "files", "objects", "defaults", "cases"];
const OF_CASE: [&str; 3] = ["name", "call", "expect"];

impl Suite {
    /// Reads a suite: one document of YAML or JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        let documents = yaml::read(text, file).map_err(|error| {
            let place = Place::at(file, error.position);
            vec![Fault { place, what: format!("not valid YAML: {}", error.what) }]
        })?;
        let mut reader = Reader { faults: Vec::new() };
        let suite = match documents.as_slice() {
            [document] => reader.suite(document),
            others => {
                let place = Place { file: file.to_owned(), line: 1, column: 1 };
                let what = format!("{} documents where one suite is expected", others.len());
                reader.faults.push(Fault { place, what });
                None
            }
        };
        suite.filter(|_| reader.faults.is_empty()).ok_or(reader.faults)
    }

    /// Where a field of one of its own objects is written.
    #[must_use]
    pub fn place(&self, object: usize, pointer: &str) -> Place {
        let position = self.document.position(&format!("/objects/{object}{pointer}"));
        Place::at(&self.document.file, position)
    }
}

/// Collects what is wrong.
struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn wrong(&mut self, document: &Document, pointer: &str, what: impl Into<String>) {
        let place = Place::at(&document.file, document.position(pointer));
        self.faults.push(Fault { place, what: what.into() });
    }

    fn suite(&mut self, document: &Document) -> Option<Suite> {
        let Some(fields) = document.value.as_object() else {
            self.wrong(document, "", "no suite; write a map with cases");
            return None;
        };
        self.known(document, "", fields, "a suite", &OF_SUITE);
        let defaults = self.map(document, "/defaults", fields.get("defaults"));
        let mut cases = Vec::new();
        for (at, case) in self.list(document, "/cases", fields.get("cases")).iter().enumerate() {
            self.case(document, &format!("/cases/{at}"), case, &defaults, &mut cases);
        }
        if cases.is_empty() && self.faults.is_empty() {
            self.wrong(document, "/cases", "a suite without cases; write one below cases");
        }
        let name = self.text(document, "/suite", fields.get("suite"));
        Some(Suite {
            name: name.unwrap_or_else(|| document.file.clone()),
            file: document.file.clone(),
            files: self.files(document, fields.get("files")),
            objects: self.list(document, "/objects", fields.get("objects")),
            cases,
            document: document.clone(),
        })
    }

    fn files(&mut self, document: &Document, written: Option<&Value>) -> Vec<String> {
        if let Some(Value::String(one)) = written {
            return vec![one.clone()];
        }
        let all = self.list(document, "/files", written);
        let each = all.iter().enumerate();
        each.filter_map(|(at, one)| self.text(document, &format!("/files/{at}"), Some(one)))
            .collect()
    }

    /// A case; several calls with the same expectation become several cases.
    fn case(
        &mut self,
        document: &Document,
        pointer: &str,
        written: &Value,
        defaults: &Map<String, Value>,
        into: &mut Vec<Case>,
    ) {
        let fields = self.map(document, pointer, Some(written));
        self.known(document, pointer, &fields, "a case", &OF_CASE);
        let name = self.text(document, &format!("{pointer}/name"), fields.get("name"));
        let expectations = self.expectations(document, &format!("{pointer}/expect"), &fields);
        let own = format!("{pointer}/call");
        let (calls, several) = match fields.get("call") {
            None => {
                return self.wrong(
                    document,
                    pointer,
                    "a case without call; write {from: …, to: …}",
                );
            }
            Some(Value::Array(list)) => (list.clone(), true),
            Some(single) => (vec![single.clone()], false),
        };
        for (at, call) in calls.iter().enumerate() {
            let pointer = if several { format!("{own}/{at}") } else { own.clone() };
            let Some(call) = self.call(document, &pointer, call, defaults) else { continue };
            let name = name.clone().unwrap_or_else(|| described(&call));
            let name = if several { format!("{name} ({})", at + 1) } else { name };
            let place = Place::at(&document.file, document.position(&pointer));
            into.push(Case { name, place, call, expectations: expectations.clone() });
        }
    }

    fn call(
        &mut self,
        document: &Document,
        pointer: &str,
        written: &Value,
        defaults: &Map<String, Value>,
    ) -> Option<Call> {
        let own = self.map(document, pointer, Some(written));
        let mut words = defaults.clone();
        // A call says in one of these where it begins.
        const BEGINNINGS: [&str; 3] = ["from", "gateway", "inbound"];
        if BEGINNINGS.iter().any(|word| own.contains_key(*word)) {
            words.retain(|word, _| !BEGINNINGS.contains(&word.as_str()));
        }
        words.extend(own);
        Call::read(&Value::Object(words))
            .map_err(|unclear| self.wrong(document, pointer, unclear.to_string()))
            .ok()
    }

    fn expectations(
        &mut self,
        document: &Document,
        pointer: &str,
        case: &Map<String, Value>,
    ) -> Vec<Expectation> {
        let fields = self.map(document, pointer, case.get("expect"));
        if fields.is_empty() {
            let what = "a case that expects nothing; write expect: {outcome: …}";
            self.wrong(document, pointer, what);
        }
        let mut found = Vec::new();
        for (word, value) in &fields {
            let pointer = format!("{pointer}/{}", word.replace('~', "~0").replace('/', "~1"));
            match words::read(word, value) {
                Ok(wanted) => {
                    let place = Place::at(&document.file, document.position(&pointer));
                    found.push(Expectation { word: word.clone(), wanted, place });
                }
                Err(what) => self.wrong(document, &pointer, what),
            }
        }
        found
    }

    fn known(
        &mut self,
        document: &Document,
        pointer: &str,
        fields: &Map<String, Value>,
        of: &str,
        words: &'static [&'static str],
    ) {
        for word in fields.keys().filter(|word| !words.contains(&word.as_str())) {
            let what = words::unknown(word, of, words.iter().copied());
            self.wrong(document, &format!("{pointer}/{word}"), what);
        }
    }

    fn map(
        &mut self,
        document: &Document,
        pointer: &str,
        at: Option<&Value>,
    ) -> Map<String, Value> {
        match at {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(fields)) => fields.clone(),
            Some(_) => {
                self.wrong(document, pointer, "has another form; write a map");
                Map::new()
            }
        }
    }

    fn list(&mut self, document: &Document, pointer: &str, at: Option<&Value>) -> Vec<Value> {
        match at {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(_) => {
                self.wrong(document, pointer, "has another form; write a list");
                Vec::new()
            }
        }
    }

    fn text(&mut self, document: &Document, pointer: &str, at: Option<&Value>) -> Option<String> {
        match at? {
            Value::String(text) => Some(text.clone()),
            _ => {
                self.wrong(document, pointer, "has another form; write a text");
                None
            }
        }
    }
}

/// A case without a name is called by its call.
fn described(call: &Call) -> String {
    format!("{} {}:{}{}", call.method, call.host, call.port, call.path)
}
