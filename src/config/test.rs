use super::*;

fn flags(config: &Path) -> EngineFlags {
    EngineFlags {
        config: Some(config.to_owned()),
        ..EngineFlags::default()
    }
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("depeche-config-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn an_unknown_key_in_the_file_is_an_error_that_names_the_key() {
    let path = file("unknown", "lisen = \"127.0.0.1:1\"\n");
    let error = Settings::load(&flags(&path), &ServeFlags::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("lisen"), "{error}");
    // The path may be told relative to the current folder.
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(name), "{error}");
}

#[test]
fn a_config_file_that_is_not_there_is_an_error() {
    let error = Settings::load(&flags(Path::new("/nowhere.toml")), &ServeFlags::default());
    assert!(error.unwrap_err().to_string().contains("/nowhere.toml"));
}

#[test]
fn a_flag_beats_the_file_and_the_file_beats_the_default() {
    let path = file(
        "order",
        "drain_timeout = \"5s\"\nqueue_tokens = 7\ninference_threads = 3\n",
    );
    let serve = ServeFlags {
        drain_timeout: Some(Duration::from_secs(9)),
        ..Default::default()
    };
    let settings = Settings::load(&flags(&path), &serve).unwrap();
    assert_eq!(settings.drain_timeout, Duration::from_secs(9));
    assert_eq!(
        (settings.queue_tokens, settings.inference_threads.get()),
        (7, 3)
    );
    assert_eq!(settings.listen, Settings::default().listen);
}

#[test]
fn a_setting_of_zero_is_refused_by_name() {
    let path = file("zero", "max_text_bytes = 0\n");
    let error = Settings::load(&flags(&path), &ServeFlags::default()).unwrap_err();
    assert!(error.to_string().contains("max_text_bytes"), "{error}");
}

#[test]
fn the_help_tells_the_defaults_that_hold() {
    use clap::Args;
    let command = ServeFlags::augment_args(EngineFlags::augment_args(clap::Command::new("serve")));
    let help = command.clone().render_help().to_string();
    let default = Settings::default();
    for value in [
        default.listen.to_string(),
        default.admin.to_string(),
        default.queue_tokens.to_string(),
        humantime::format_duration(default.queue_wait).to_string(),
        humantime::format_duration(default.max_request_duration).to_string(),
        default.memory_budget_bytes.to_string(),
        default.text_memory_bytes.to_string(),
        default.cache_bytes.to_string(),
        default.shortlist.to_string(),
        default.pin_threads.to_string(),
        default.preload,
        default.translate_by_instruction.to_string(),
        default.max_text_bytes.to_string(),
        humantime::format_duration(default.drain_timeout).to_string(),
        default.client_id_key,
        default.trusted_peers.to_string(),
        default.max_connections.to_string(),
        humantime::format_duration(default.handshake_timeout).to_string(),
        humantime::format_duration(default.keepalive_interval).to_string(),
        humantime::format_duration(default.keepalive_timeout).to_string(),
        humantime::format_duration(default.send_timeout).to_string(),
        default.compress_answers.to_string(),
        default.receive_bytes.to_string(),
        default.reflection.to_string(),
        humantime::format_duration(default.max_connection_age).to_string(),
        humantime::format_duration(default.max_connection_grace).to_string(),
        default.max_concurrent_streams.to_string(),
        default.max_header_bytes.to_string(),
        humantime::format_duration(default.receive_timeout).to_string(),
        default.log,
    ] {
        assert!(
            help.contains(&format!("[default: {value}]")),
            "{value} in {help}"
        );
    }
}
