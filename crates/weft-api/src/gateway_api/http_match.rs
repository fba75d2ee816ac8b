//! Which requests a rule of `HTTPRoute` takes, and for how long.

use crate::Span;
use crate::describe::Form as Written;
use crate::read::{record, words};

record! {
    /// Conditions on a request that must all hold.
    HttpMatch {
        /// The path; every path when absent.
        "path" path: Option<PathMatch> = [Default("{\"type\": \"PathPrefix\", \"value\": \"/\"}")],
        /// Header fields.
        "headers" headers: Vec<HeaderMatch> = [MaxItems(16), Keyed(&["name"])],
        /// Parameters of the query.
        "queryParams" query_params: Vec<QueryParamMatch> = [MaxItems(16), Keyed(&["name"])],
        /// The method.
        "method" method: Option<Method>,
    }
}

words! {
    /// How a path is compared.
    PathMatchType {
        /// By whole elements from the start: `/a` takes `/a` and `/a/b`, and not `/ab`.
        PathPrefix = "PathPrefix",
        /// The whole path, with the case as written.
        Exact = "Exact",
        /// An RE2 pattern that the whole path matches.
        RegularExpression = "RegularExpression",
    }
}

record! {
    /// How a path is compared.
    PathMatch {
        /// PathPrefix (the default), Exact or RegularExpression.
        "type" kind: PathMatchType = [Default("\"PathPrefix\"")],
        /// The path, the prefix or the pattern; `/` when absent.
        "value" value: Option<String> = [MaxLength(1024), Default("\"/\"")],
    } where [
        Holds(
            "has(self.type) && self.type == 'RegularExpression' || !has(self.value) || self.value.startsWith('/')",
            "a path begins with /",
        ),
        Holds(
            "has(self.type) && self.type == 'RegularExpression' || !has(self.value) || !['//', '/./', '/../', '%2f', '%2F', '#'].exists(part, self.value.contains(part))",
            "a path has no //, /./, /../, %2f and #",
        ),
        Holds(
            "has(self.type) && self.type == 'RegularExpression' || !has(self.value) || !(self.value.endsWith('/..') || self.value.endsWith('/.'))",
            "a path does not end with /.. or /.",
        ),
    ]
}

words! {
    /// How a text is compared.
    TextMatchType {
        /// The whole text, with the case as written.
        Exact = "Exact",
        /// An RE2 pattern that the whole text matches.
        RegularExpression = "RegularExpression",
    }
}

record! {
    /// A condition on a header field.
    HeaderMatch {
        /// Exact (the default) or RegularExpression.
        "type" kind: TextMatchType = [Default("\"Exact\"")],
        /// Name of the field; its case does not matter.
        "name" name: String = [Required, MinLength(1), MaxLength(256), Form(Written::FieldName)],
        /// The value or the pattern.
        "value" value: String = [Required, MinLength(1), MaxLength(4096)],
    }
}

record! {
    /// A condition on a parameter of the query.
    QueryParamMatch {
        /// Exact (the default) or RegularExpression.
        "type" kind: TextMatchType = [Default("\"Exact\"")],
        /// Name of the parameter.
        "name" name: String = [Required, MinLength(1), MaxLength(256), Form(Written::FieldName)],
        /// The value or the pattern.
        "value" value: String = [Required, MinLength(1), MaxLength(1024)],
    }
}

words! {
    /// A method of HTTP.
    Method {
        /// Reads.
        Get = "GET",
        /// Reads without the body.
        Head = "HEAD",
        /// Sends.
        Post = "POST",
        /// Replaces.
        Put = "PUT",
        /// Removes.
        Delete = "DELETE",
        /// Opens a tunnel.
        Connect = "CONNECT",
        /// Asks what is allowed.
        Options = "OPTIONS",
        /// Is sent back.
        Trace = "TRACE",
        /// Changes.
        Patch = "PATCH",
    }
}

record! {
    /// How long requests may take. 0s is no limit.
    Timeouts {
        /// The whole request, with all its tries.
        "request" request: Option<Span> = [Form(Written::ShortDuration), ZeroAllowed],
        /// One try; not longer than the whole request.
        "backendRequest" backend_request: Option<Span> = [Form(Written::ShortDuration), ZeroAllowed],
    } where [Holds(
        "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))",
        "backendRequest is not longer than request",
    )]
}
