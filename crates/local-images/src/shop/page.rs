//! The shop's web page: which version answered, per call.
//! In: who renders, and what its calls answered. Out: HTML. Holds: every text is escaped.

use super::Call;

/// Renders the page.
pub(super) fn render(name: &str, version: &str, calls: &[Call]) -> String {
    let mut rows = String::new();
    for call in calls {
        let (mark, answered) = outcome(call);
        let service = call.service.as_deref().map_or_else(|| host(&call.url), escape);
        rows += &format!(
            "<tr class={mark}><td>{service}</td><td>{answered}</td><td><code>{}</code></td></tr>\n",
            escape(&call.url)
        );
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Weft shop</title><style>{STYLE}</style>\
         <main><h1>Weft shop</h1><p>This page came from <b>{} {}</b>. It asked:</p>\
         <table><tr><th>service</th><th>answered by</th><th>call</th></tr>\n{rows}</table>\
         <p class=hint>Reload to see the traffic split.</p></main></html>\n",
        escape(name),
        escape(version)
    )
}

fn outcome(call: &Call) -> (&'static str, String) {
    match (&call.error, call.status, &call.version) {
        (Some(error), ..) => ("bad", escape(error)),
        (None, Some(200), Some(version)) => ("good", escape(version)),
        (None, Some(status), _) => ("bad", format!("HTTP {status}")),
        (None, None, _) => ("bad", "no answer".to_owned()),
    }
}

fn host(url: &str) -> String {
    let host = url.split("//").nth(1).and_then(|rest| rest.split(['/', ':']).next());
    escape(host.unwrap_or(url))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f6f7f9;color:#1c2733}\
main{max-width:46rem;margin:3rem auto;padding:2rem;background:#fff;border-radius:12px;box-shadow:0 1px 4px #0002}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.5rem .75rem;border-bottom:1px solid #e5e9ee}\
.good td:nth-child(2){color:#0a7a3d;font-weight:600}.bad td:nth-child(2){color:#b42318;font-weight:600}\
code{color:#5b6b7b}.hint{color:#5b6b7b}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_cannot_become_markup() {
        let call = Call {
            url: "http://x:1/".into(),
            status: Some(200),
            service: Some("<script>".into()),
            version: Some("v1\"".into()),
            error: None,
        };
        let page = render("frontend", "v1", &[call]);
        assert!(page.contains("&lt;script&gt;") && page.contains("v1&quot;"));
        assert!(!page.contains("<script>"));
    }
}
