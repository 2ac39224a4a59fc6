//! `depeche load` against real servers.

mod common;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

use common::{Server, depeche, path, run, scratch, tls::Authority};
use depeche::rpc::proto::v1::{
    DetectLanguageRequest, DetectLanguageResponse, StreamTranslateRequest, StreamTranslateResponse,
    TranslateBatchRequest, TranslateBatchResponse, TranslateRequest, TranslateResponse,
    translation_service_server::{TranslationService, TranslationServiceServer},
};
use serde_json::Value;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Certificate, Identity, ServerTlsConfig},
};

const PHRASE: &str = "La ville a ouvert une école pour cent élèves.";

fn load(server: &str, args: &[&str]) -> Output {
    let args = [&["load", "--quiet", "--server", server], args].concat();
    run(&args, b"")
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn count(part: &Value, name: &str) -> u64 {
    part[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name}: {part}"))
}

/// Every request is accounted for, in the total, by step, by method and by code.
fn adds_up(report: &Value) {
    let total = &report["total"];
    for part in report["steps"].as_array().unwrap().iter().chain([total]) {
        let fates = count(part, "ok") + count(part, "errors") + count(part, "not_sent");
        assert_eq!(count(part, "offered"), fates, "{part}");
        let codes = part["errors_by_code"].as_object().unwrap().values();
        let by_code: u64 = codes.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(count(part, "errors"), by_code, "{part}");
        assert!(count(part, "late") <= count(part, "ok"), "{part}");
    }
    for (parts, names) in [
        ("steps", &["offered", "ok", "errors", "not_sent"][..]),
        ("methods", &["ok", "errors", "late"]),
    ] {
        for name in names {
            let parts = report[parts].as_array().unwrap();
            let sum: u64 = parts.iter().map(|part| count(part, name)).sum();
            assert_eq!(sum, count(total, name), "{name} of {parts:?}");
        }
    }
}

#[test]
fn a_closed_loop_calls_every_method_of_the_mix_and_its_counts_add_up() {
    let server = Server::start();
    let mix = "translate=2,stream-translate,translate-batch=0.5,summarize,stream-summarize,digest,\
               detect-language=2";
    let folder = scratch("load-closed");
    fs::write(folder.join("a.txt"), PHRASE).unwrap();
    fs::write(folder.join("b.txt"), PHRASE.repeat(2)).unwrap();
    fs::write(folder.join("notes.md"), "pas un article").unwrap();
    let output = load(
        &server.url(),
        &[
            folder.to_str().unwrap(),
            "--clients",
            "3",
            "--connections",
            "2",
            "--requests",
            "60",
            "--mix",
            mix,
            "--json",
        ],
    );
    assert!(output.status.success(), "{}", told(&output));
    let report = json(&output);
    adds_up(&report);
    let total = &report["total"];
    assert_eq!((count(total, "offered"), count(total, "ok")), (60, 60));
    assert_eq!(report["run"]["articles"], 2);
    assert_eq!(report["methods"].as_array().unwrap().len(), 7);
    for method in report["methods"].as_array().unwrap() {
        assert!(count(method, "characters") > 0, "{method}");
        assert!(count(method, "response_bytes") > 0, "{method}");
        let name = method["method"].as_str().unwrap();
        let streams = ["stream-translate", "stream-summarize", "translate-batch"].contains(&name);
        assert_eq!(method["first_text_ms"].is_object(), streams, "{method}");
        if name != "detect-language" {
            assert!(count(method, "sentences") > 0, "{method}");
        }
    }
    let latency = &total["latency_ms"];
    let at = |name: &str| latency[name].as_f64().unwrap();
    assert!(0.0 < at("p50") && at("p50") <= at("p99") && at("p99") <= at("max"));
    assert_eq!(report["met"], Value::Null);
}

#[test]
fn an_open_loop_offers_what_it_was_told_to_and_accounts_for_all_of_it() {
    let server = Server::start();
    let output = load(
        &server.url(),
        &[
            "--rate",
            "200/s",
            "--arrivals",
            "constant",
            "--duration",
            "1s",
            "--max-outstanding",
            "3",
            "--json",
        ],
    );
    let report = json(&output);
    adds_up(&report);
    let total = &report["total"];
    assert_eq!(count(total, "offered"), 200);
    // No machine translates 200 articles a second three at a time.
    assert!(count(total, "not_sent") > 0, "{total}");
    assert!(count(total, "ok") > 0, "{total}");
}

#[test]
fn steps_are_told_one_by_one_and_the_table_says_what_was_not_sent() {
    let server = Server::start();
    let output = load(
        &server.url(),
        &[
            "--steps",
            "5,300/s",
            "--step-duration",
            "1s",
            "--max-outstanding",
            "2",
            "--seed",
            "5",
        ],
    );
    assert!(output.status.success(), "{}", told(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("5/s ")), "{table}");
    assert!(
        lines.iter().any(|line| line.starts_with("300/s ")),
        "{table}"
    );
    assert!(table.contains("NOT SENT"), "{table}");
}

#[test]
fn a_missed_objective_ends_with_1_and_is_named_and_a_met_one_ends_with_0() {
    let server = Server::start();
    let common = ["--clients", "1", "--requests", "3"];
    let missed = load(
        &server.url(),
        &[&common[..], &["--slo", "p50=1us,errors=0%,p99=1h"]].concat(),
    );
    assert_eq!(missed.status.code(), Some(1));
    let line = told(&missed);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.contains("p50=1us") && !line.contains("errors"),
        "{line}"
    );
    let table = String::from_utf8(missed.stdout).unwrap();
    assert!(table.contains("p50=1us missed"), "{table}");
    assert!(table.contains("p99=1h met"), "{table}");

    let met = load(
        &server.url(),
        &[&common[..], &["--slo", "p50=1h,errors=0%", "--json"]].concat(),
    );
    assert!(met.status.success(), "{}", told(&met));
    assert_eq!(json(&met)["met"], true);
}

#[test]
fn a_server_that_is_not_there_is_counted_as_unavailable_and_ends_with_1() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = load(
        &format!("http://{port}"),
        &["--clients", "2", "--requests", "6", "--json"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("UNAVAILABLE"), "{}", told(&output));
    let report = json(&output);
    adds_up(&report);
    assert_eq!(report["total"]["errors_by_code"]["UNAVAILABLE"], 6);
    assert_eq!(report["total"]["latency_ms"], Value::Null);
}

#[test]
fn overload_shows_as_resource_exhausted() {
    // Room for one article at a time.
    let server = Server::start_with(&["--queue-tokens", "700"]);
    let output = load(
        &server.url(),
        &["--rate", "100/s", "--requests", "50", "--json"],
    );
    let report = json(&output);
    adds_up(&report);
    let refused = count(&report["total"]["errors_by_code"], "RESOURCE_EXHAUSTED");
    assert!(refused > 0, "{report}");
    assert!(count(&report["total"], "ok") > 0, "{report}");
}

#[test]
fn a_deadline_is_told_to_the_server_and_kept() {
    let server = Server::start();
    let output = load(
        &server.url(),
        &["--requests", "8", "--timeout", "1ms", "--json"],
    );
    let report = json(&output);
    adds_up(&report);
    let codes = report["total"]["errors_by_code"].as_object().unwrap();
    // Refused at once as soon as the server knows how long a sentence takes.
    let in_time = ["DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"];
    assert!(codes.keys().all(|code| in_time.contains(&code.as_str())));
    assert!(codes.contains_key("DEADLINE_EXCEEDED"), "{report}");
}

#[test]
fn the_page_needs_nothing_else_and_has_all_plots() {
    let server = Server::start();
    let file = scratch("load-page").join("report.html");
    let output = load(
        &server.url(),
        &[
            "--steps",
            "2,4",
            "--step-duration",
            "1s",
            "--mix",
            "detect-language",
            "--slo",
            "p50=1us",
            "--html",
            file.to_str().unwrap(),
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let page = fs::read_to_string(file).unwrap();
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let parsed = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let elements = || parsed.descendants().filter(|node| node.is_element());
    let names: BTreeSet<&str> = elements().map(|node| node.tag_name().name()).collect();
    for foreign in ["script", "link", "img", "iframe", "image", "use", "object"] {
        assert!(!names.contains(foreign), "{foreign}");
    }
    for node in elements() {
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(!["src", "href", "srcset", "data"].contains(&name), "{name}");
        }
    }
    let style = elements().find(|node| node.tag_name().name() == "style");
    let style = style.unwrap().text().unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
    let titles: Vec<&str> = elements()
        .filter(|node| node.tag_name().name() == "svg")
        .map(|svg| svg.attribute("aria-label").unwrap())
        .collect();
    assert_eq!(
        titles,
        [
            "Throughput",
            "Latency",
            "Latency by percentile",
            "Throughput by load",
            "Latency by load"
        ]
    );
    for line in elements().filter(|node| node.tag_name().name() == "polyline") {
        let points = line.attribute("points").unwrap();
        assert!(!points.is_empty() && !points.contains("NaN"), "{points}");
    }
    assert!(page.contains("p50=1us at 2 clients"));
}

#[test]
fn an_interrupt_ends_the_run_early_and_it_is_still_reported() {
    let server = Server::start();
    let mut child = depeche()
        .args(["load", "--server", &server.url(), "--duration", "1h"])
        .args(["--clients", "1", "--mix", "detect-language", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line of progress: requests are under way.
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("1 client"), "{line}");
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", child.id())])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let report = json(&output);
    adds_up(&report);
    assert_eq!(report["run"]["interrupted"], true);
    assert!(count(&report["total"], "ok") > 0);
    assert!(report["total"]["seconds"].as_f64().unwrap() < 3600.0);
}

#[test]
fn bad_usage_ends_with_2_before_anything_is_sent() {
    let page = scratch("load-bad").join("no/such/folder.html");
    for (args, word) in [
        (vec!["--rate", "fast"], "fast"),
        (vec!["--rate", "5/s", "--clients", "2"], "--clients"),
        (vec!["--mix", "polish"], "polish"),
        (vec!["--slo", "p99"], "p99"),
        (vec!["--steps", "1,2", "--duration", "5s"], "--duration"),
        (vec!["--ramp", "5"], "5"),
        (vec!["--duration", "0s"], "--duration"),
        (vec!["no-such-article.txt"], "no-such-article"),
        (vec!["src"], ".txt"),
        (vec!["--ca", "Cargo.toml"], "https"),
        (vec!["--cert", "Cargo.toml"], "--key"),
        (vec!["--html", page.to_str().unwrap()], "folder.html"),
    ] {
        let output = load("http://127.0.0.1:9", &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", told(&output));
        assert!(told(&output).contains(word), "{args:?}: {}", told(&output));
        assert_eq!(told(&output).lines().count(), 1, "{}", told(&output));
    }
}

/// Tells the language of those who have the token.
struct Guarded;

type Events<T> = tokio_stream::Empty<Result<T, Status>>;

#[tonic::async_trait]
impl TranslationService for Guarded {
    type StreamTranslateStream = Events<StreamTranslateResponse>;
    type TranslateBatchStream = Events<TranslateBatchResponse>;

    async fn detect_language(
        &self,
        request: Request<DetectLanguageRequest>,
    ) -> Result<Response<DetectLanguageResponse>, Status> {
        match request.metadata().get("authorization") {
            Some(token) if token == "Bearer s3cret" => {
                Ok(Response::new(DetectLanguageResponse::default()))
            }
            _ => Err(Status::unauthenticated("who are you?")),
        }
    }

    /// Ends without its end.
    async fn stream_translate(
        &self,
        _: Request<StreamTranslateRequest>,
    ) -> Result<Response<Self::StreamTranslateStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn translate(
        &self,
        _: Request<TranslateRequest>,
    ) -> Result<Response<TranslateResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn translate_batch(
        &self,
        _: Request<Streaming<TranslateBatchRequest>>,
    ) -> Result<Response<Self::TranslateBatchStream>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_client_certificates_and_tokens_reach_the_server() {
    let authority = Authority::new();
    let (pair, client) = (authority.server(), authority.client());
    let folder = scratch("load-tls");
    let write = |name: &str, pem: &str| {
        let file = folder.join(name);
        fs::write(&file, pem).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (ca, cert, key) = (
        write("ca.pem", &authority.ca),
        write("client.pem", &client.cert),
        write("client.key", &client.key),
    );
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(&pair.cert, &pair.key))
        .client_ca_root(Certificate::from_pem(&authority.ca));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(
        tonic::transport::Server::builder()
            .tls_config(tls)
            .unwrap()
            .add_service(TranslationServiceServer::new(Guarded))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    let ask = async |args: Vec<&str>| {
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let url = url.clone();
        let output = tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let common = ["--requests", "4", "--clients", "1", "--json"];
            load(&url, &[&common[..], &args].concat())
        });
        let report = json(&output.await.unwrap());
        adds_up(&report);
        report["total"].clone()
    };
    let named = ["--ca", &ca, "--server-name", "depeche.test"];
    let known = [&named[..], &["--cert", &cert, "--key", &key]].concat();
    let detect = ["--mix", "detect-language"];

    let total = ask([&known[..], &detect, &["--token", "s3cret"]].concat()).await;
    assert_eq!(total["ok"], 4, "{total}");
    let total = ask([&known[..], &detect].concat()).await;
    assert_eq!(total["errors_by_code"]["UNAUTHENTICATED"], 4, "{total}");
    // A stream that ends without its end is no answer.
    let total = ask([&known[..], &["--mix", "stream-translate"]].concat()).await;
    assert_eq!(total["errors_by_code"]["DATA_LOSS"], 4, "{total}");
    // Without the certificate, with the wrong name, with the authorities of the system.
    for args in [
        named.to_vec(),
        [&known[..2], &known[4..]].concat(),
        vec!["--server-name", "depeche.test"],
    ] {
        let total = ask([&args[..], &detect, &["--token", "s3cret"]].concat()).await;
        assert_eq!(total["ok"], 0, "{args:?}: {total}");
    }
}

#[test]
fn the_built_in_article_is_french() {
    let text = fs::read_to_string(path("src/cli/load/article.fr.txt")).unwrap();
    assert!(text.len() > 1000);
    let output = run(&["summarize", "-", "--sentences", "1"], text.as_bytes());
    assert!(output.status.success() && output.stderr.is_empty());
}
