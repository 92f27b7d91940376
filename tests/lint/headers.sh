# SPDX-License-Identifier: PostgreSQL
# headers.sh SOURCE_DIR CC - every header can be the first one that is
# included, so that none leans on what its users happen to include.
cd "$1" || exit 1
cc=$2
bad=0
dirs=$(find base chunker digests retention transports pgclient pgarchive pgsource pgtarget pgverify sqlite repo cli -type d | sed 's/^/-I/')
flags="-std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -fsyntax-only"
flags="$flags -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags libpq \
    libzstd libsodium libxxhash jansson libcurl libssh2 libcrypto expat inih sqlite3 libqrencode)"
for h in $(find base chunker digests retention transports pgclient pgarchive pgsource pgtarget pgverify sqlite repo cli -name '*.h' |
    sort); do
	# Twice: the second one must be empty.
	printf '#include "%s"\n#include "%s"\nextern int unused;\n' \
	    "$(basename "$h")" "$(basename "$h")" |
	    $cc $flags $dirs -I"$(dirname "$h")" -x c - || {
		echo "NOT OK: $h"
		bad=1
	}
done
exit $bad
