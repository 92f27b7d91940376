/* SPDX-License-Identifier: PostgreSQL */
/*
 * format.h - every stored object as bytes and back: docs/format.md in code.
 *
 * Pure codecs: no I/O, no keys, no clock.  Decoders take hostile bytes, check
 * every bound, borrow from their input (spans) and return SNAP_CORRUPT with
 * what was wrong and where, or SNAP_UNSUPPORTED for a newer format.
 * Encoders append to *out, which fails (bytes_check) only for memory.
 */
#ifndef SNAP_FORMAT_H
#define SNAP_FORMAT_H

#include "format_commit.h"
#include "format_object.h"
#include "format_pack.h"
#include "format_stream.h"

#endif
