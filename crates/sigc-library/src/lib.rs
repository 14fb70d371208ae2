//! Features and transforms, one file each
