package quickjson

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// all has whatever a document may be decoded into.
type all struct {
	inner
	Text    string            `json:"text"`
	Whole   int               `json:"whole"`
	Small   int8              `json:"small,omitempty"`
	Big     uint64            `json:"big"`
	Real    float64           `json:"real"`
	Yes     bool              `json:"yes"`
	Quoted  int               `json:"quoted,string"`
	At      time.Time         `json:"at,omitzero"`
	Long    time.Duration     `json:"long"`
	Maybe   *string           `json:"maybe,omitempty"`
	Deep    *all              `json:"deep,omitempty"`
	List    []inner           `json:"list"`
	Texts   map[string]string `json:"texts"`
	Any     any               `json:"any"`
	Numbers map[int]float32   `json:"numbers"`
	Bytes   []byte            `json:"bytes"`
	Pair    [2]int            `json:"pair"`
	Four    [4]byte           `json:"four"`
	Raw     json.RawMessage   `json:"raw"`
	Own     shout             `json:"own"`
	Word    word              `json:"word"`
	Words   map[word]int      `json:"words"`
	Snake   string            `json:"snake_case"`
	Untold  string            `json:"-"`
	Plain   string
}

type inner struct {
	ID string `json:"id"`
	N  *int   `json:"n"`
}

// shout decodes itself.
type shout string

func (s *shout) UnmarshalJSON(b []byte) error {
	var text string
	err := json.Unmarshal(b, &text)
	*s = shout(strings.ToUpper(text))
	return err
}

// word is decoded from text.
type word struct{ letters string }

func (w *word) UnmarshalText(b []byte) error {
	w.letters = "<" + string(b) + ">"
	return nil
}

const usual = `{"id":"a","n":3,"text":"é\u00e9<&>\ud83d\ude00","whole":-3,"small":1,"big":18446744073709551615,"real":1.5e3,"yes":true,"quoted":"7",
	"at":"2026-01-02T03:04:05.123456+02:00","long":12,"maybe":"","deep":{"text":"deep"},"list":[{"id":"b","n":null},{"id":"c"}],"texts":{"a":"b"},
	"any":{"a":[1,"2",null,true]},"numbers":{"1":0.1},"bytes":"aGVsbG8=","pair":[1,2],"four":[1,2,3,4],"raw":{"a": 1},"own":"loud",
	"word":"w","words":{"x":1},"snake_case":"s","Plain":"p","unknown":{"a":[{"b":null}]}}`

// odd are documents on which decoders may differ.
var odd = []string{
	``, ` `, `null`, `[]`, `3`, `{}`, `{} `, `{}x`, `{"text":"a"`, `{"text":"a",}`, `{"text":"a","text":"b"}`, `{"text":"a","TEXT":"b"}`, `{"TEXT":"b"}`, `{"plain":"b"}`,
	`{"snakecase":"b"}`, `{"SNAKE-CASE":"b"}`, `{"SNAKE_CASE":"b"}`, "{\"text\":\"\xff\"}", "{\"\xff\":1}", `{"text":"\ud800"}`, `{"text":null,"whole":null,"at":null,"pair":null}`,
	`{"text":1}`, `{"whole":"1"}`, `{"whole":1.0}`, `{"whole":1e2}`, `{"whole":-0}`, `{"whole":9223372036854775808}`, `{"small":128}`, `{"big":-1}`, `{"real":1e999}`,
	`{"quoted":7}`, `{"quoted":"x"}`, `{"quoted":null}`, `{"quoted":"null"}`, `{"at":""}`, `{"at":"2026-01-02T3:04:05Z"}`, `{"at":"2026-01-02T03:04:05,5Z"}`, `{"at":"2026-01-02T03:04:60Z"}`,
	`{"at":"2026-01-02T03:04:05+25:00"}`, `{"at":5}`, `{"long":"1s"}`, `{"long":1.5}`, `{"deep":{"text":"a"},"deep":{"whole":1}}`, `{"list":[{"id":"a","n":1}],"list":[{"id":"b"}]}`,
	`{"texts":{"a":"b"},"texts":{"c":"d"}}`, `{"texts":{"a":"b","a":"c"}}`, `{"any":{"a":1,"a":2}}`, `{"numbers":{"x":1}}`, `{"numbers":{"01":1}}`, `{"bytes":"aGVs\nbG8="}`, `{"bytes":"aGVsbG8"}`,
	`{"bytes":[1,2]}`, `{"pair":[1]}`, `{"pair":[1,2,3]}`, `{"four":"AQIDBA=="}`, `{"raw": null}`, `{"raw":{"a":1,"a":2}}`,
	`{"own":1}`, `{"own":null}`, `{"word":1}`, `{"word":null}`, `{"words":{"":1}}`, `{"list":{}}`, `{"list":[null]}`, `{"list":[]}`, `{"deep":[]}`, `{"inner":{"id":"x"}}`, `{"-":"x"}`, `{"hidden":"x"}`,
	`{"any":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, `{"any":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `}`,
}

func requireSame(t *testing.T, doc string) {
	t.Helper()
	var want, got all
	wrong, err := json.Unmarshal([]byte(doc), &want), Unmarshal([]byte(doc), &got)
	require.Equal(t, wrong, err, "%.300q", doc)
	require.Equal(t, want, got, "%.300q", doc)
}

func TestItIsEncodingJSON(t *testing.T) {
	var v all
	require.NoError(t, Quick([]byte(usual), &v))
	requireSame(t, usual)
	for _, doc := range odd {
		requireSame(t, doc)
	}
}

// FuzzUnmarshal looks for a document of which the two make something else.
func FuzzUnmarshal(f *testing.F) {
	for _, doc := range append(odd, usual) {
		f.Add(doc)
	}
	f.Fuzz(requireSame)
}
