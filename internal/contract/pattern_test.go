package contract

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
)

func TestMatcherIsRegexp(t *testing.T) {
	patterns := []string{``, `^$`, `a`, `^a`, `a$`, `^a$`, `^a|b$`, `(^a|b)c*$`, `a^b`, `a$b`, `^(ab|cd){1,3}$`, `\S`, `^[^x]*$`, `.`, `^.$`, `(?i)ab`, `^(|a)b?$`, `$^`, `(a$|^b)`}
	files, err := fs.Glob(contracts.FS, "openapi/*.yaml")
	require.NoError(t, err)
	for _, file := range files { // and all that are in use
		raw, err := fs.ReadFile(contracts.FS, file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`pattern: '((?:[^']|'')*)'`).FindAllStringSubmatch(string(raw), -1) {
			patterns = append(patterns, strings.ReplaceAll(m[1], "''", "'"))
		}
	}
	require.Greater(t, len(patterns), 50)
	texts := []string{
		"", "a", "b", "c", "ab", "abc", "abab", "ababcd", "abababab", "AB", "xab", "ab\n", "\n", " ", "\x00", "aab", "bc", "bcc", "12", "12.50", "-1", "EUR", "es", "es-ES", "a-b-c", "a--b",
		"GREEN-TEA-100", "green-tea", "a@tienda.example", "a@", "a b@c", "https://tienda.example/a?b=c#d", "http://x", "e3b0c442-98fc-4c14-9afb-f4c8996fb924", "2026-01-02T03:04:05Z", "/a/b", "4006381333931",
		strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("7", 200), "~", "_", "A_B", "a.b", "a:b", "W00000016",
	}
	matched, tables := 0, 0
	for _, p := range patterns {
		re := regexp.MustCompile(p)
		m := matchASCII(re)
		if m == nil {
			continue
		}
		tables++
		for _, s := range texts {
			require.Equal(t, re.MatchString(s), m.matches(s), "%q on %q", p, s)
			if m.matches(s) {
				matched++
			}
		}
	}
	require.Greater(t, matched, 500)
	require.Greater(t, tables*10, len(patterns)*8, "most patterns are tables")
	require.Nil(t, matchASCII(regexp.MustCompile(`\bword\b`)), "words have other edges than the string's")
}

func FuzzMatcher(f *testing.F) {
	f.Add(`^(ab|cd){1,3}$`, "abcd")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		re, err := regexp.Compile(pattern)
		if err != nil || len(pattern) > 30 || strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) {
			return
		}
		if m := matchASCII(re); m != nil {
			require.Equal(t, re.MatchString(s), m.matches(s))
		}
	})
}
