//! Runs a plan bar by bar: reference interpreter, live driver, panel driver
