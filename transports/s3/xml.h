/* SPDX-License-Identifier: PostgreSQL */
/*
 * xml.h - a bounded walk over the XML that S3 and STS answer with.
 *
 * No document type, so no entities; nesting and the text of an element are
 * bounded.  What comes in is not trusted.
 */
#ifndef SNAP_XML_H
#define SNAP_XML_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

#define XML_DEPTH_MAX 16u
#define XML_NAME_MAX 128u /* bytes, without the NUL */
#define XML_TEXT_MAX                                                           \
	8192u /* bytes; a session token has one or two thousand                \
	       */

/*
 * At the end of each element: its name, its parent's ("" at the root), both
 * without a namespace, and its own text.  Another result than SNAP_OK ends it.
 */
typedef enum snap_code (*xml_element_fn)(void *arg, const char *parent,
    const char *name, const char *text, struct snap_err *err);

/* SNAP_CORRUPT: no XML, or over a bound. */
SNAP_MUST_CHECK enum snap_code xml_walk(
    struct span doc, xml_element_fn fn, void *arg, struct snap_err *err);

/* 2026-11-21T19:31:34[.123]Z as ns since the epoch, cut to whole seconds. */
SNAP_MUST_CHECK bool xml_time(const char *text, int64_t *ns_out);

#endif
