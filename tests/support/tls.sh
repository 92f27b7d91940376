# SPDX-License-Identifier: PostgreSQL
# tls.sh - authorities and certificates for servers of tests: `. tls.sh`.
# FILE stands for a pair, FILE.crt and FILE.key.

tls_openssl() { # LOG ARGUMENT...
	log=$1
	shift
	openssl "$@" >>"$log" 2>&1 || {
		cat "$log" >&2
		return 1
	}
}

tls_authority() { # FILE
	tls_openssl "$1.log" req -x509 -newkey ec \
	    -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
	    -subj "/CN=test authority" -keyout "$1.key" -out "$1.crt"
}

# tls_certificate FILE AUTHORITY NAMES [DAYS]: for NAMES, as DNS:localhost; by
# DAYS it has run out when they are negative.
tls_certificate() {
	echo "subjectAltName = $3" >"$1.names"
	tls_openssl "$1.log" req -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
	    -nodes -subj "/CN=test server" -keyout "$1.key" -out "$1.csr" &&
	    tls_openssl "$1.log" x509 -req -in "$1.csr" -CA "$2.crt" \
		-CAkey "$2.key" -CAcreateserial -days "${4:-2}" \
		-extfile "$1.names" -out "$1.crt"
}
