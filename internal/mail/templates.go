package mail

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"text/template"

	"golang.org/x/text/language"
)

// Languages are those that every letter is there in; the first is for people who
// read none of them.
var Languages = []string{"en", "es"}

var languages = func() language.Matcher {
	tags := make([]language.Tag, len(Languages))
	for i, l := range Languages {
		tags[i] = language.MustParse(l)
	}
	return language.NewMatcher(tags)
}()

// Language gives the one of Languages that is nearest to what is preferred: a
// BCP 47 tag, or a list as in Accept-Language.
func Language(preferred string) string {
	_, i := language.MatchStrings(languages, preferred)
	return Languages[i]
}

// Templates are the letters of an app, as <kind>.<language>.txt: the subject, an
// empty line, the text.
type Templates struct {
	all   *template.Template
	names []string
}

// MustTemplates reads the letters of a folder; it panics where one is not a
// template.
func MustTemplates(files fs.FS, dir string) Templates {
	names, err := fs.Glob(files, path.Join(dir, "*.txt"))
	if err != nil {
		panic(err)
	}
	return Templates{
		all:   template.Must(template.New("").Option("missingkey=error").ParseFS(files, path.Join(dir, "*.txt"))),
		names: names,
	}
}

// Names lists the files.
func (t Templates) Names() []string { return t.names }

// Write gives a letter of a kind in the language that is nearest to what its
// reader prefers.
func (t Templates) Write(kind Kind, to, preferred string, data any) (Message, error) {
	lang := Language(preferred)
	var b strings.Builder
	if err := t.all.ExecuteTemplate(&b, fmt.Sprintf("%s.%s.txt", kind, lang), data); err != nil {
		return Message{}, fmt.Errorf("mail: %w", err)
	}
	subject, text, _ := strings.Cut(b.String(), "\n\n")
	m := Message{To: to, Subject: subject, Text: strings.TrimSpace(text), Language: lang}
	return m, m.Check()
}
