package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// AppLine turns a JSON line of an app's log into one that a person reads at a
// glance; the log file has it as it was. Other lines stay as they are.
func AppLine(line []byte) ([]byte, bool) {
	if len(line) == 0 || line[0] != '{' {
		return line, true
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if _, err := d.Token(); err != nil {
		return line, true
	}
	var level, msg string
	var rest strings.Builder
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return line, true
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return line, true
		}
		text := string(value)
		_ = json.Unmarshal(value, &text) // what is no string is shown as JSON
		switch key {
		case "time", "app":
		case "level":
			level = strings.ToLower(text)
		case "msg":
			msg = text
		default:
			if text != "" {
				fmt.Fprintf(&rest, " %s=%s", key, text)
			}
		}
	}
	if level == "" || msg == "" {
		return line, true
	}
	return fmt.Appendf(nil, "%s: %s%s", level, msg, &rest), true
}
