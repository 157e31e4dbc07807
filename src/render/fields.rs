//! From a line of a built file back to the fields of the description that say it: the writers read backwards. Decides nothing, and reads no
//! description; which of several fields is meant, the caller sees by their values.

use serde_json::Value;
use store::manifest::UnitKind;

/// A path below what a unit is made of: a container, a task, a volume, a container network, a timer.
pub type Field = Vec<String>;

fn field(path: &[&str]) -> Vec<Field> {
    vec![path.iter().map(|step| (*step).to_owned()).collect()]
}

/// The fields that a line of a unit may come from; none for a line that every unit of its kind has.
pub fn of_unit_line(kind: UnitKind, text: &str, number: u32) -> Vec<Field> {
    let mut section = "";
    for (line, at) in text.lines().zip(1u32..) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        if at == number {
            let Some((key, value)) = line.split_once('=') else { return Vec::new() };
            return of_key(kind, section, key, value);
        }
    }
    Vec::new()
}

fn of_key(kind: UnitKind, section: &str, key: &str, value: &str) -> Vec<Field> {
    match kind {
        UnitKind::Container => match (section, key) {
            ("Service", "TimeoutStartSec") => field(&["start"]),
            ("Service", "TimeoutStopSec") | ("Container", "StopTimeout") => field(&["stop"]),
            ("Service", "ExecStop") if value.contains("podman exec") => field(&["drain"]),
            ("Service", "Restart") => field(&["restart"]),
            _ => of_run(section, key, value),
        },
        UnitKind::Task => match (section, key) {
            ("Service", "TimeoutStartSec") => field(&["timeout"]),
            _ => of_run(section, key, value),
        },
        UnitKind::Volume => match (section, key) {
            (_, "Device") => field(&["device"]),
            (_, "Type") if section == "Volume" => field(&["fs"]),
            (_, "Options") => field(&["options"]),
            _ => Vec::new(),
        },
        UnitKind::Network => match key {
            "Driver" => field(&["driver"]),
            "Subnet" => field(&["subnet"]),
            "Gateway" => field(&["gateway"]),
            "Internal" => field(&["internal"]),
            "DisableDNS" => field(&["dns"]),
            "Options" if value.starts_with("mtu=") => field(&["mtu"]),
            "Options" => field(&["parent"]),
            _ => Vec::new(),
        },
        UnitKind::Timer => match key {
            "OnCalendar" => field(&["calendar"]),
            "RandomizedDelaySec" => field(&["spread"]),
            "Persistent" => field(&["persistent"]),
            _ => Vec::new(),
        },
        UnitKind::Raw => field(&["text"]),
    }
}

/// A line of the service that a timer starts.
pub fn of_timer_service(text: &str, number: u32) -> Vec<Field> {
    let line = text.lines().nth(number.saturating_sub(1) as usize).unwrap_or_default();
    match line.split_once('=') {
        Some(("ExecStart", _)) => field(&["command"]),
        Some(("TimeoutStartSec", _)) => field(&["timeout"]),
        _ => Vec::new(),
    }
}

/// What containers and tasks have in common.
fn of_run(section: &str, key: &str, value: &str) -> Vec<Field> {
    let one = |name: &str| field(&[name]);
    match (section, key) {
        ("Unit", "Wants" | "After") if value != "kolla-lang-files.service" => {
            [one("needs"), one("needs_units"), one("after")].concat()
        }
        ("Container", "Image") => one("image"),
        ("Container", "Network") => one("network"),
        ("Container", "PublishPort") => one("publish"),
        ("Container", "PodmanArgs") => of_arguments(value),
        ("Container", "WorkingDir") => one("workdir"),
        ("Container", "HostName") => one("hostname"),
        ("Container", "DropCapability") => one("drop"),
        ("Container", "AddCapability") => one("caps"),
        ("Container", "NoNewPrivileges") => one("no_new_privileges"),
        ("Container", "SecurityLabelDisable") => one("labels"),
        ("Container", "ReadOnly") => one("read_only"),
        ("Container", "RunInit") => one("init"),
        ("Container", "ShmSize") => one("shm"),
        ("Container", "AddDevice") => one("devices"),
        ("Container", "StopSignal") => one("stop_signal"),
        ("Container", "HealthCmd" | "HealthStartupCmd") => field(&["health", "test"]),
        ("Container", "HealthInterval" | "HealthStartupInterval") => field(&["health", "interval"]),
        ("Container", "HealthTimeout" | "HealthStartupTimeout") => field(&["health", "timeout"]),
        ("Container", "HealthRetries") => field(&["health", "retries"]),
        ("Container", "HealthStartPeriod") => field(&["health", "start"]),
        ("Container", "HealthOnFailure") => field(&["health", "unhealthy"]),
        ("Container", "Exec") => one("command"),
        ("Container", "Entrypoint") => one("entrypoint"),
        ("Container", "User") => one("user"),
        ("Container", "Environment") => {
            let name = value.trim_matches('"').split('=').next().unwrap_or_default();
            field(&["env", name])
        }
        ("Container", "Volume") => value.split(':').nth(1).map_or_else(Vec::new, of_mount),
        ("Container", "Tmpfs") => value.split(':').next().map_or_else(Vec::new, of_mount),
        ("Service", "MemoryMax") => field(&["limits", "memory"]),
        ("Service", "CPUQuota") => field(&["limits", "cpus"]),
        ("Service", "TasksMax") => field(&["limits", "tasks"]),
        ("Service", "OOMScoreAdjust") => field(&["limits", "oom_score"]),
        ("Service", limit) if limit.starts_with("Limit") => {
            field(&["ulimits", &limit["Limit".len()..].to_lowercase(), "soft"])
        }
        // All that podman is told is one line there; the image is what it is about.
        ("Service", "ExecStart") => one("image"),
        _ => Vec::new(),
    }
}

fn of_mount(inside: &str) -> Vec<Field> {
    [field(&["mounts", inside, "from"]), field(&["files", inside])].concat()
}

fn of_arguments(value: &str) -> Vec<Field> {
    match value.split([' ', '=']).next().unwrap_or_default() {
        "--pid" => field(&["pid"]),
        "--ipc" => field(&["ipc"]),
        "--cgroupns" => field(&["cgroup"]),
        "--privileged" => field(&["privileged"]),
        "--shm-size" => field(&["shm"]),
        "--hostname" => field(&["hostname"]),
        "--user" => field(&["user"]),
        "--workdir" => field(&["workdir"]),
        "--read-only" => field(&["read_only"]),
        "--stop-signal" => field(&["stop_signal"]),
        "--stop-timeout" => field(&["stop"]),
        "--entrypoint" => field(&["entrypoint"]),
        "--health-cmd" | "--health-startup-cmd" => field(&["health", "test"]),
        "--health-interval" | "--health-startup-interval" => field(&["health", "interval"]),
        "--health-timeout" | "--health-startup-timeout" => field(&["health", "timeout"]),
        "--health-retries" => field(&["health", "retries"]),
        "--health-start-period" => field(&["health", "start"]),
        "--health-on-failure" => field(&["health", "unhealthy"]),
        _ => Vec::new(),
    }
}

/// The fields that a line of a container's `config.json` may come from.
pub fn of_config_line(text: &str, number: u32) -> Vec<Field> {
    let lines: Vec<&str> = text.lines().collect();
    let Some(line) = (number as usize).checked_sub(1).and_then(|at| lines.get(at)) else { return Vec::new() };
    let key = line.trim().strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or_default();
    if key == "command" {
        return field(&["command"]);
    }
    let at = number as usize - 1;
    let is_open = |line: &&str| line.trim() == "{";
    let first = lines[..=at].iter().rposition(is_open).unwrap_or_default();
    let Some(last) = lines[first..].iter().position(|line| line.trim().starts_with('}')) else {
        return Vec::new();
    };
    if first == 0 || first + last < at {
        return Vec::new();
    }
    let object = lines[first..=first + last].join("\n");
    let Ok(object) = serde_json::from_str::<Value>(object.trim_end_matches(',')) else { return Vec::new() };
    let text_of = |name: &str| object.get(name).and_then(Value::as_str);
    match (text_of("dest"), text_of("path"), key) {
        (Some(dest), _, "owner") => field(&["files", dest, "owner"]),
        (Some(dest), _, "perm") => field(&["files", dest, "mode"]),
        (Some(dest), ..) => field(&["files", dest]),
        (None, Some(path), "perm") => field(&["permissions", path, "mode"]),
        (None, Some(path), "owner" | "recurse") => field(&["permissions", path, key]),
        (None, Some(path), _) => field(&["permissions", path]),
        (None, None, _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_config_json() {
        let text = "{\n  \"command\": \"x\",\n  \"config_files\": [\n    {\n      \"source\": \"s\",\n      \"dest\": \"/etc/a\",\n      \"owner\": \"o\",\n      \"perm\": \"0600\"\n    }\n  ]\n}\n";
        let of = |number| of_config_line(text, number).concat().join(" ");
        assert_eq!((of(1), of(2), of(3)), (String::new(), "command".into(), String::new()));
        assert_eq!(
            (of(4), of(5), of(7)),
            ("files /etc/a".into(), "files /etc/a".into(), "files /etc/a owner".into())
        );
        assert_eq!(
            (of(8), of(9), of(10), of(99)),
            ("files /etc/a mode".into(), "files /etc/a".into(), String::new(), String::new())
        );
    }

    #[test]
    fn lines_of_units() {
        let text = "[Unit]\nDescription=x\n\n[Container]\nImage=i\nEnvironment=A=b\nVolume=/x:/y:ro\n";
        let of = |number| {
            of_unit_line(UnitKind::Container, text, number).first().cloned().unwrap_or_default().join(" ")
        };
        assert_eq!((of(2), of(3), of(5)), (String::new(), String::new(), "image".into()));
        assert_eq!((of(6), of(7)), ("env A".into(), "mounts /y from".into()));
    }
}
