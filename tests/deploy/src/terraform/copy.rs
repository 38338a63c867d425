//! A copy of `terraform/` and of what its modules read, in the same places to one another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What is copied: Terraform, and what it reads by a path that leads out of its folder.
const FOLDERS: &[&str] = &["terraform", "workflows", "schema"];

/// What running Terraform by hand leaves behind in a checkout.
const LEFT_OUT: &[&str] = &[".terraform", ".terraform.lock.hcl"];

/// The copy; its folder goes away with it.
#[derive(Debug)]
pub struct WorkingCopy {
    folder: TempDir,
}

impl WorkingCopy {
    pub(super) fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tenantry-terraform-").tempdir()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for name in FOLDERS {
            copy(&root.join(name), &folder.path().join(name))?;
        }
        Ok(Self { folder })
    }

    /// The folder that stands for the repository's root.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The environment that composes all modules.
    pub fn environment(&self) -> PathBuf {
        self.root().join("terraform/environments/production")
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let text = name.to_string_lossy();
        if LEFT_OUT.contains(&text.as_ref()) || text.contains(".tfstate") || text.ends_with(".tfvars") {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(&name))?;
        } else {
            fs::copy(&path, to.join(&name))?;
        }
    }
    Ok(())
}
