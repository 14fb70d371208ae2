//! A disk that is full: files wait, the others go on, and once there is room every row is there once.

use crate::world::World;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A file system of its own; it goes when dropped.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    fn mount(&self, options: &str) -> bool {
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0)
            .status()
            .is_ok_and(|s| s.success())
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().ok();
    }
}

#[test]
fn a_full_disk_loses_no_row() {
    let world = World::start("none");
    world.write(
        "    - using: sinks.csv_append\n      params: {path: rows.csv, dedup_key: [ts, symbol]}\n\
         \x20   - using: sinks.jsonl\n      params: {path: small/rows.jsonl, dedup_key: [ts, symbol]}\n\
         \x20   - using: sinks.parquet\n      params: {path: small/parts}\n",
    );
    let folder = world.path().join("sigc-simulated/small");
    std::fs::create_dir_all(&folder).expect("the folder is ours");
    let disk = Disk(&folder);
    if !disk.mount("size=128k") {
        println!("skipped: a file system of one's own needs root (CAP_SYS_ADMIN)");
        return;
    }
    let run = world.run();
    std::thread::sleep(Duration::from_secs(15));
    let said = std::fs::read_to_string(world.path().join("run.log")).unwrap_or_default();
    assert!(said.contains("No space left"), "{}", world.said());
    let before = world.newest("csv_append");
    std::thread::sleep(Duration::from_secs(2));
    assert!(world.newest("csv_append") > before, "the other file goes on");
    assert!(disk.mount("remount,size=64m"));
    std::thread::sleep(Duration::from_secs(5));
    world.stop(run);
    let moved = [("rows.jsonl", "rows.jsonl"), ("parts", "parts")];
    for (from, to) in moved {
        let to = world.path().join("sigc-simulated").join(to);
        assert!(Command::new("cp").arg("-r").arg(folder.join(from)).arg(to).status().is_ok_and(|s| s.success()));
    }
    drop(disk);
    let n = world.compare(&["csv_append", "jsonl", "parquet"]);
    println!("a full disk: {n} rows once in each file");
}
