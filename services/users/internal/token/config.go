package token

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Lifetime is how long an access token is good, unless the configuration says
// less.
const Lifetime = 10 * time.Minute

// Bounds of the configuration.
const (
	shortestLife    = time.Second
	shortestOverlap = time.Second
	longestRotation = 400 * 24 * time.Hour
	longestKept     = 5 * time.Minute // of the published keys, by who checks tokens
)

// Config says whose tokens they are and how long things last.
type Config struct {
	Issuer   string        // the URL under which clients reach the shop; the tokens' iss
	Lifetime time.Duration // of an access token
	Rotation time.Duration // how long a key signs
	Overlap  time.Duration // how long a key is published before it signs
}

// Defaults suit the local run.
func Defaults() Config {
	return Config{Issuer: "http://127.0.0.1:8080", Lifetime: Lifetime, Rotation: 30 * 24 * time.Hour, Overlap: 10 * time.Minute}
}

// LoadConfig reads TIENDA_ISSUER, USERS_TOKEN_LIFETIME, USERS_KEY_ROTATION and
// USERS_KEY_OVERLAP.
func LoadConfig(getenv func(string) string) (Config, error) {
	c := Defaults()
	var errs []error
	if v := getenv("TIENDA_ISSUER"); v != "" {
		c.Issuer = v
	}
	if err := checkIssuer(c.Issuer); err != nil {
		errs = append(errs, err)
	}
	duration := func(name string, into *time.Duration, least, most time.Duration) {
		v := getenv(name)
		if v == "" {
			return
		}
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			errs = append(errs, fmt.Errorf("%s=%q is not a duration from %s to %s", name, v, least, most))
			return
		}
		*into = d
	}
	duration("USERS_TOKEN_LIFETIME", &c.Lifetime, shortestLife, Lifetime)
	duration("USERS_KEY_ROTATION", &c.Rotation, shortestOverlap, longestRotation)
	duration("USERS_KEY_OVERLAP", &c.Overlap, shortestOverlap, longestRotation)
	if c.Rotation < 2*c.Overlap {
		errs = append(errs, fmt.Errorf("USERS_KEY_ROTATION (%s) is less than twice USERS_KEY_OVERLAP (%s)", c.Rotation, c.Overlap))
	}
	return c, errors.Join(errs...)
}

// checkIssuer holds an issuer to OpenID Connect Discovery 1.0: an absolute URL
// without query and fragment. The shop is the whole origin, so without a path.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != issuer ||
		strings.ToLower(issuer) != issuer {
		return fmt.Errorf("TIENDA_ISSUER: %q is not an origin such as https://shop.example", issuer)
	}
	return nil
}

// Kept is how long the published keys may be kept by who checks tokens: half of
// the overlap at most, so that a new key is known before it signs.
func (c Config) Kept() time.Duration { return min(c.Overlap/2, longestKept) }

// readEvery is how often a replica reads the keys again. Until then it may sign
// with one that was withdrawn; the overlap is at least twice as long.
func (c Config) readEvery() time.Duration {
	return max(100*time.Millisecond, min(c.Overlap/4, 5*time.Second))
}
