//! Names of processes: from the path of a cgroup, or from a command.

/// How many digits of a container's id name it, as `docker ps` shows it.
const CONTAINER_ID_DIGITS: usize = 12;

/// The digits of a whole container id.
const CONTAINER_ID_LENGTH: usize = 64;

/// The systemd unit or the container that a cgroup belongs to: the innermost part of its path that names one.
///
/// Units that only hold a login, a user's manager or a command that `systemd-run` numbered name nothing: what runs in
/// them is told better by its command.
pub(super) fn of_cgroup(path: &str) -> Option<String> {
    path.rsplit('/').find_map(|part| container(part).or_else(|| unit(part)))
}

/// The name of a command as the kernel gives it: bytes padded with zeros.
pub(super) fn of_command(comm: &[u8]) -> Option<String> {
    let text = comm.split(|byte| *byte == 0).next().unwrap_or_default();
    let printable: String =
        String::from_utf8_lossy(text).trim().chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    (!printable.is_empty()).then_some(printable)
}

/// The container whose cgroup has this name: the bare id, or `RUNTIME-ID.scope`.
fn container(part: &str) -> Option<String> {
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    let id = bare.rsplit(['-', ':']).next().unwrap_or(bare);
    let is_id = id.len() == CONTAINER_ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.get(..CONTAINER_ID_DIGITS).map(str::to_ascii_lowercase)).flatten()
}

/// The unit whose cgroup has this name.
fn unit(part: &str) -> Option<String> {
    let names_nothing = |stem: &str, prefixes: &[&str]| prefixes.iter().any(|prefix| stem.starts_with(prefix));
    let stem = if let Some(stem) = part.strip_suffix(".service") {
        (!names_nothing(stem, &["user@", "run-"])).then_some(stem)?
    } else {
        let stem = part.strip_suffix(".scope")?;
        (stem != "init" && !names_nothing(stem, &["session-", "run-"])).then_some(stem)?
    };
    (!stem.is_empty()).then(|| unescape(stem))
}

/// Undoes systemd's escapes, such as `\x2d` for a dash (systemd.unit(5), string escaping).
fn unescape(stem: &str) -> String {
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.strip_prefix(b"x").and_then(|digits| digits.first_chunk::<2>());
        let code = escaped.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        match code {
            Some(code) if *first == b'\\' && !code.is_ascii_control() => {
                bytes.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e8b7a0c1d2e3f4a5b6c7d8e9f00112233445566778899aabbccddeeff0011";

    #[test]
    fn a_cgroup_names_its_unit_or_container() {
        let cases: &[(String, Option<&str>)] = &[
            ("/system.slice/nginx.service".into(), Some("nginx")),
            ("/system.slice/system-getty.slice/getty@tty1.service".into(), Some("getty@tty1")),
            ("/system.slice/my\\x2dapp.service".into(), Some("my-app")),
            ("/system.slice/odd\\xzz.service".into(), Some("odd\\xzz")),
            (format!("/system.slice/docker-{ID}.scope"), Some("3f4e8b7a0c1d")),
            (format!("/docker/{ID}"), Some("3f4e8b7a0c1d")),
            (format!("/kubepods/burstable/pod1-2-3/{ID}"), Some("3f4e8b7a0c1d")),
            (format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"), Some("3f4e8b7a0c1d")),
            (format!("/machine.slice/libpod-{ID}.scope/container"), Some("3f4e8b7a0c1d")),
            (format!("/docker/{ID}/system.slice/nginx.service"), Some("nginx")),
            ("/user.slice/user-1000.slice/session-3.scope".into(), None),
            ("/user.slice/user-1000.slice/user@1000.service".into(), None),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-web.service".into(), Some("app-web")),
            ("/system.slice/run-r0123.service".into(), None),
            ("/init.scope".into(), None),
            ("/.service".into(), None),
            ("/shop/reviews".into(), None),
            ("/".into(), None),
            (String::new(), None),
        ];
        for (path, name) in cases {
            assert_eq!(of_cgroup(path).as_deref(), *name, "{path}");
        }
    }

    #[test]
    fn a_command_is_read_up_to_its_padding_and_made_printable() {
        assert_eq!(of_command(b"nginx\0\0\0\0\0\0\0\0\0\0\0").as_deref(), Some("nginx"));
        assert_eq!(of_command(b"exactly15bytes!").as_deref(), Some("exactly15bytes!"));
        assert_eq!(of_command(b"a\nb\n").as_deref(), Some("a_b"));
        assert_eq!(of_command(b"\xff").as_deref(), Some("\u{fffd}"));
        assert_eq!(of_command(b"\0\0"), None);
        assert_eq!(of_command(b""), None);
    }
}
