package mail

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"golang.org/x/text/language"
)

// Languages are those that every letter is there in; the first is for users who
// read none of them.
var Languages = []string{"en", "es"}

// texts are the letters, as <kind>.<language>.txt: the subject, an empty line,
// the text. No template may say what a user has written, a name for instance:
// an account made with somebody's address would carry the words of a stranger
// to that person, in the shop's name.
//
//go:embed templates/*.txt
var texts embed.FS

var (
	templates = template.Must(template.New("").Option("missingkey=error").ParseFS(texts, "templates/*.txt"))
	matcher   = func() language.Matcher {
		tags := make([]language.Tag, len(Languages))
		for i, l := range Languages {
			tags[i] = language.MustParse(l)
		}
		return language.NewMatcher(tags)
	}()
)

// Data is what the templates may say.
type Data struct {
	Link string // with the token
	Shop string // where the shop is: a URL
}

// Write gives a letter of a kind in the language that is nearest to what its
// reader prefers (BCP 47).
func Write(kind Kind, to, preferred string, d Data) (Message, error) {
	_, i := language.MatchStrings(matcher, preferred)
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, fmt.Sprintf("%s.%s.txt", kind, Languages[i]), d); err != nil {
		return Message{}, fmt.Errorf("mail: %w", err)
	}
	subject, text, _ := strings.Cut(b.String(), "\n\n")
	m := Message{To: to, Subject: subject, Text: strings.TrimSpace(text), Language: Languages[i]}
	return m, m.Check()
}

// names lists the templates, for the test that none is missing.
func names() ([]string, error) { return fs.Glob(texts, "templates/*.txt") }
