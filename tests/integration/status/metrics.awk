# SPDX-License-Identifier: PostgreSQL
# metrics.awk - is this Prometheus' text format, by its rules for names and
# units?  HELP and TYPE in front of each metric, its samples together, no name
# or set of labels twice, base units only.
function bad(why) {
	print "line " NR ": " why ": " $0
	n_bad++
}
/^# HELP / {
	if ($3 in helped)
		bad("a metric twice")
	if (NF < 4)
		bad("no help")
	helped[$3] = 1
	next
}
/^# TYPE / {
	if (!($3 in helped) || $4 != "gauge" || NF != 4)
		bad("type")
	now = $3
	if (now !~ /^snap_[a-z]+(_[a-z]+)*$/)
		bad("name")
	if (now ~ /_(total|count|sum|bucket|ms|milliseconds|minutes|hours|days|kb|mb|percent)$/)
		bad("unit or reserved ending")
	n_metrics++
	next
}
/^#/ || /^$/ {
	bad("neither help nor type nor sample")
	next
}
{
	name = $0
	sub(/[{ ].*/, "", name)
	if (name != now)
		bad("not below its type")
	series = $0
	sub(/ [^ ]*$/, "", series)
	if (series in seen)
		bad("a sample twice")
	seen[series] = 1
	value = $0
	sub(/.* /, "", value)
	if (value !~ /^-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?$/)
		bad("value")
	labels = series
	sub(/^[^{]*/, "", labels)
	if (labels != "" &&
	    labels !~ /^\{[a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*\}$/)
		bad("labels")
}
END {
	if (n_metrics == 0)
		bad("nothing")
	exit n_bad != 0
}
