#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# test_s3.sh PROGRAM SOURCE_DIR - run PROGRAM against a gateway of its own.
set -eu
. "$2/tests/support/rgw.sh"
trap rgw_stop EXIT
trap 'exit 1' HUP INT TERM
rgw_start
for how in http https virtual; do
	"$1" $how
done
