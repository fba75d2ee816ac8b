//! Filters of `HTTPRoute` and `GRPCRoute`: what happens to requests and responses on the way.

use super::cors::Cors;
use super::external_auth::ExternalAuth;
use super::reference::{BackendObject, LocalRef};
use crate::describe::Form as Written;
use crate::read::{record, words};

words! {
    /// What a filter of HTTP does.
    FilterType {
        /// Changes header fields of requests.
        RequestHeaderModifier = "RequestHeaderModifier",
        /// Changes header fields of responses.
        ResponseHeaderModifier = "ResponseHeaderModifier",
        /// Sends a copy of requests to another backend.
        RequestMirror = "RequestMirror",
        /// Answers with a redirect.
        RequestRedirect = "RequestRedirect",
        /// Changes host and path on the way to the backend.
        UrlRewrite = "URLRewrite",
        /// Tells browsers what pages of other origins may do.
        Cors = "CORS",
        /// Asks a server whether the request is allowed.
        ExternalAuth = "ExternalAuth",
        /// What an object of another kind says.
        ExtensionRef = "ExtensionRef",
    }
}

record! {
    /// One filter: a type, and the field of the same name.
    HttpFilter {
        /// Which filter.
        "type" kind: FilterType = [Required],
        /// Changes to header fields of requests.
        "requestHeaderModifier" request_header_modifier: Option<HeaderModifier>,
        /// Changes to header fields of responses.
        "responseHeaderModifier" response_header_modifier: Option<HeaderModifier>,
        /// A copy of requests.
        "requestMirror" request_mirror: Option<RequestMirror>,
        /// A redirect.
        "requestRedirect" request_redirect: Option<Redirect>,
        /// Changes to host and path.
        "urlRewrite" url_rewrite: Option<Rewrite>,
        /// What pages of other origins may do.
        "cors" cors: Option<Cors>,
        /// A server that is asked.
        "externalAuth" external_auth: Option<ExternalAuth>,
        /// An object of another kind.
        "extensionRef" extension_ref: Option<LocalRef>,
    } where [
        Holds(
            "(self.type == 'RequestHeaderModifier') == has(self.requestHeaderModifier) && (self.type == 'ResponseHeaderModifier') == has(self.responseHeaderModifier)",
            "give the field of the type, and no other one",
        ),
        Holds(
            "(self.type == 'RequestMirror') == has(self.requestMirror) && (self.type == 'RequestRedirect') == has(self.requestRedirect)",
            "give the field of the type, and no other one",
        ),
        Holds(
            "(self.type == 'URLRewrite') == has(self.urlRewrite) && (self.type == 'CORS') == has(self.cors)",
            "give the field of the type, and no other one",
        ),
        Holds(
            "(self.type == 'ExternalAuth') == has(self.externalAuth) && (self.type == 'ExtensionRef') == has(self.extensionRef)",
            "give the field of the type, and no other one",
        ),
    ]
}

words! {
    /// What a filter of gRPC does.
    GrpcFilterType {
        /// Changes header fields of calls.
        RequestHeaderModifier = "RequestHeaderModifier",
        /// Changes header fields of answers.
        ResponseHeaderModifier = "ResponseHeaderModifier",
        /// Sends a copy of calls to another backend.
        RequestMirror = "RequestMirror",
        /// What an object of another kind says.
        ExtensionRef = "ExtensionRef",
    }
}

record! {
    /// One filter: a type, and the field of the same name.
    GrpcFilter {
        /// Which filter.
        "type" kind: GrpcFilterType = [Required],
        /// Changes to header fields of calls.
        "requestHeaderModifier" request_header_modifier: Option<HeaderModifier>,
        /// Changes to header fields of answers.
        "responseHeaderModifier" response_header_modifier: Option<HeaderModifier>,
        /// A copy of calls.
        "requestMirror" request_mirror: Option<RequestMirror>,
        /// An object of another kind.
        "extensionRef" extension_ref: Option<LocalRef>,
    } where [
        Holds(
            "(self.type == 'RequestHeaderModifier') == has(self.requestHeaderModifier) && (self.type == 'ResponseHeaderModifier') == has(self.responseHeaderModifier)",
            "give the field of the type, and no other one",
        ),
        Holds(
            "(self.type == 'RequestMirror') == has(self.requestMirror) && (self.type == 'ExtensionRef') == has(self.extensionRef)",
            "give the field of the type, and no other one",
        ),
    ]
}

record! {
    /// Changes to header fields.
    HeaderModifier {
        /// Fields that are replaced, or added when absent.
        "set" set: Vec<Header> = [MaxItems(16), Keyed(&["name"])],
        /// Values that are appended.
        "add" add: Vec<Header> = [MaxItems(16), Keyed(&["name"])],
        /// Fields that are removed.
        "remove" remove: Vec<String> = [MaxItems(16), Distinct],
    }
}

record! {
    /// A header field.
    Header {
        /// Its name.
        "name" name: String = [Required, MinLength(1), MaxLength(256), Form(Written::FieldName)],
        /// Its value.
        "value" value: String = [Required, MinLength(1), MaxLength(4096)],
    }
}

record! {
    /// A copy of requests; its answers are dropped.
    RequestMirror {
        /// Where the copy goes.
        "backendRef" backend_ref: Option<BackendObject> = [Required],
        /// Share of requests in percent; all when absent.
        "percent" percent: Option<i32> = [Min(0), Max(100)],
        /// Share of requests as a fraction, instead of percent.
        "fraction" fraction: Option<Fraction>,
    } where [OneOf(&["percent", "fraction"])]
}

record! {
    /// A share.
    Fraction {
        /// So many.
        "numerator" numerator: i32 = [Required, Min(0)],
        /// Of so many; 100 when absent.
        "denominator" denominator: Option<i32> = [Min(1), Default("100")],
    } where [Holds(
        "self.numerator <= (has(self.denominator) ? self.denominator : 100)",
        "numerator is not larger than denominator",
    )]
}

words! {
    /// Which part of a path is replaced.
    PathModifierType {
        /// All of it.
        ReplaceFullPath = "ReplaceFullPath",
        /// The prefix that matched.
        ReplacePrefixMatch = "ReplacePrefixMatch",
    }
}

record! {
    /// A new path: a type, and the field of the same name.
    PathModifier {
        /// ReplaceFullPath or ReplacePrefixMatch.
        "type" kind: PathModifierType = [Required],
        /// The whole path.
        "replaceFullPath" replace_full_path: Option<String> = [MaxLength(1024)],
        /// What stands instead of the prefix that matched; the rule has one match, of type PathPrefix.
        "replacePrefixMatch" replace_prefix_match: Option<String> = [MaxLength(1024)],
    } where [Holds(
        "(self.type == 'ReplaceFullPath') == has(self.replaceFullPath) && (self.type == 'ReplacePrefixMatch') == has(self.replacePrefixMatch)",
        "give the field of the type, and no other one",
    )]
}

words! {
    /// A scheme of URLs.
    Scheme {
        /// Without TLS.
        Http = "http",
        /// With TLS.
        Https = "https",
    }
}

record! {
    /// An answer that sends the client elsewhere. What is absent stays as in the request.
    Redirect {
        /// New scheme.
        "scheme" scheme: Option<Scheme>,
        /// New host.
        "hostname" hostname: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// New path.
        "path" path: Option<PathModifier>,
        /// New port; that of the scheme, or of the listener, when absent.
        "port" port: Option<u32> = [Min(1), Max(65535)],
        /// Code of the answer: 301, 302 (the default), 303, 307 or 308.
        "statusCode" status_code: Option<u32> = [
            Cel("self in [301, 302, 303, 307, 308]", "use 301, 302, 303, 307 or 308"),
            Default("302"),
        ],
    }
}

record! {
    /// Changes on the way to the backend.
    Rewrite {
        /// New host.
        "hostname" hostname: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// New path.
        "path" path: Option<PathModifier>,
    }
}
