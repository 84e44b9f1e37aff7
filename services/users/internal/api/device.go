package api

import (
	"strings"

	"github.com/mileusna/useragent"
)

// deviceName says what a user agent is in words that its user knows: "Firefox on
// Linux", or the name that a program gives itself.
func deviceName(agent string) string {
	ua := useragent.Parse(agent)
	name, _, _ := strings.Cut(ua.Name, "/")
	switch {
	case agent == "" || name == "":
		return "unknown"
	case ua.OS == "":
		return name
	}
	return name + " on " + ua.OS
}
