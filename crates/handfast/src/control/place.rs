//! Where the sockets are: a folder that nobody else may enter.

use std::ffi::OsString;
use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// The folder of this user's control sockets: `handfast` in `$XDG_RUNTIME_DIR` or, without that, in
/// `/run/user/UID`; where neither is ours, `/tmp/handfast-UID`. It need not exist.
///
/// A process that enters a user namespace has another number there, so it asks before.
pub fn folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR");
    choose(runtime, geteuid().as_raw())
}

fn choose(runtime: Option<OsString>, user: u32) -> PathBuf {
    let given = runtime.map(PathBuf::from).filter(|path| path.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{user}"));
    let is_ours =
        |path: &PathBuf| std::fs::metadata(path).is_ok_and(|found| is_folder_of(&found, user));
    match given.into_iter().chain([usual]).find(is_ours) {
        Some(runtime) => runtime.join("handfast"),
        None => PathBuf::from(format!("/tmp/handfast-{user}")),
    }
}

/// The socket of a process.
pub(super) fn socket(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.sock"))
}

/// Makes the folder where it is not there yet, and checks it.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io::Error::new(
            error.kind(),
            format!("cannot make the folder {}: {error}", folder.display()),
        )),
        _ => check(folder),
    }
}

/// An error unless the folder is a folder, ours, and nobody else's to enter: in `/tmp` anybody may
/// have made it before us.
pub(super) fn check(folder: &Path) -> io::Result<()> {
    let found = std::fs::symlink_metadata(folder)?;
    let is_private = found.mode() & 0o077 == 0;
    if is_folder_of(&found, geteuid().as_raw()) && is_private {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "{} is no folder of this user's alone, so whoever may enter it could listen in; remove \
             it, or give it to this user with mode 0700",
            folder.display()
        ),
    ))
}

fn is_folder_of(found: &Metadata, user: u32) -> bool {
    found.is_dir() && found.uid() == user
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("handfast-{name}-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        path
    }

    #[test]
    fn the_runtime_folder_is_taken_when_it_is_ours() {
        let ours = scratch("runtime");
        let user = geteuid().as_raw();
        assert_eq!(
            choose(Some(ours.clone().into()), user),
            ours.join("handfast")
        );
        // Nobody has such a number, nor a folder in /run.
        let nobody = u32::MAX - 7;
        let otherwise = PathBuf::from(format!("/tmp/handfast-{nobody}"));
        assert_eq!(choose(Some(ours.clone().into()), nobody), otherwise);
        assert_eq!(choose(Some("relative".into()), nobody), otherwise);
        assert_eq!(choose(None, nobody), otherwise);
        std::fs::remove_dir(ours).unwrap();
    }

    #[test]
    fn a_folder_is_made_for_its_owner_only() {
        let path = scratch("made").join("sockets");
        make(&path).unwrap();
        make(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn what_others_may_enter_or_lead_astray_is_refused() {
        let path = scratch("open");
        let refused = |path: &Path| make(path).map_err(|error| error.kind());
        for mode in [0o750, 0o701, 0o777] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(refused(&path), Err(io::ErrorKind::PermissionDenied));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let link = path.join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(refused(&link), Err(io::ErrorKind::PermissionDenied));
        let file = path.join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(refused(&file), Err(io::ErrorKind::PermissionDenied));
        std::fs::remove_dir_all(path).unwrap();
    }
}
