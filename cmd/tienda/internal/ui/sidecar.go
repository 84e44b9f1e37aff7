package ui

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// expected are the warnings of every sidecar without a control plane, which is
// what a local run is, and what one says when it stops.
var expected = []string{
	"mTLS is disabled.",
	"Actor runtime disabled:",
	"No scheduler host addresses provided.",
	"A non-YAML ", // the sidecar's own module lies beside dapr.yaml
	// Both while it stops:
	"Failed to update host registration: context canceled",
	"nats: error while unsubscribing",
}

// SidecarLine shortens a line of a sidecar's log for the screen, and leaves out
// what says nothing new; the log file has it whole.
func SidecarLine(line []byte) ([]byte, bool) {
	_, after, ok := bytes.Cut(line, []byte(" level="))
	if !ok {
		return line, true
	}
	level, _, _ := strings.Cut(string(after), " ")
	if level == "info" || level == "debug" {
		return nil, false
	}
	_, rest, ok := strings.Cut(string(after), " msg=")
	if !ok {
		return line, true
	}
	msg, _, _ := strings.Cut(rest, " ")
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		if msg, err = strconv.Unquote(quoted); err != nil {
			return line, true
		}
	}
	for _, e := range expected {
		if strings.HasPrefix(msg, e) {
			return nil, false
		}
	}
	return fmt.Appendf(nil, "%s: %s", level, msg), true
}
