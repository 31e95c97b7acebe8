// Writes ignore.json: which paths Docker's own client code (tonistiigi/fsutil and
// moby/patternmatcher, which buildx is built from) sends of a fixed tree, for written and for random
// ignore files and COPY sources.
//
//	cp ignore.go "$DIR"/main.go && cd "$DIR" && go mod init golden && go mod tidy && go run . > ignore.json
package main

import (
	"context"
	"encoding/json"
	"fmt"
	gofs "io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
)

// A trailing slash makes a directory, an arrow a symbolic link. In the order of a walk.
var tree = []string{
	"!bang", "#hash", ".dockerignore", ".git/", ".git/HEAD", ".git/objects/", ".git/objects/aa", "Dockerfile",
	"a/", "a/b/", "a/b/c/", "a/b/c/d.txt", "a/b/c.txt", "a/b.txt", "a.txt", "ab.txt", "abc/", "abc/a.txt",
	"data/", "data/keep/", "data/keep/me.bin", "data/keep.txt", "data/raw/", "data/raw/1.bin", "data/raw/2.bin",
	"docs/", "docs/README.md", "docs/deep/", "docs/deep/README.md", "docs/deep/x.md", "empty/", "foo[1].txt",
	"lib", "link -> a/b", "loop -> loop2", "loop2 -> loop", "main.py", "s p/", "s p/x y.txt", "star*.txt", "up -> ../data",
	"x.log", "x.log.1", "x^y", "äö.txt", "日本/", "日本/語.txt",
}

// One a line; read by the same code that reads a .dockerignore.
var written = []string{
	"", "# all\n*", "*\n!main.py", "*\n!data/keep", "data\n!data/keep", "data/\n!data/keep/me.bin", "!data/keep\ndata",
	"data/*\n!data/keep", "**/*.txt", "**/b", "a/**", "a/**/c", "**", "**\n!**/README.md", "*.md\n!README.md", "**/*.md\n!docs/README.md",
	"/data", "./data", "data/../a", "a/./b", "a//b", "  a.txt  ", "\\#hash", "#hash", "\\!bang", "!bang", "!", "a?.txt", "[ab].txt", "[^a].txt",
	"[a-c]*.txt", "foo\\[1\\].txt", "foo[1].txt", "foo[[]1].txt", "star\\*.txt", "star[*].txt", "[", "[]a]", "a[", "x\\", "x\\^y", "x^y", "ä*", "日*", "日本",
	"s p", "*/*/*.txt", "**/a.txt", "a**", "a**/c", "**a", "**/a/**", "**/**/c", ".git\nDockerfile\n.dockerignore", ".", "./", "/", "..", "../a",
	"*\n!a\na/b\n!a/b/c", "a/b\n!a", "a\n!a/b/c/d.txt", "a\n!a/**/d.txt", "*\n!**/*.bin\ndata/raw", "*\n!*/", "[a-]", "\\d*", "?", "empty", "empty\n!empty",
	"x.log*\n!x.log", "X.LOG", "lin*", "*\n!up/keep", "**/.git", ".*", "\ufeff*.txt", "(a|b)*", "a+", "a$", "{a,b}.txt", "*.[lt][ox][gt]", "**/c*", "[\\]]", "a/b/c/d.txt/", "s\\ p", "s[\\ x]p", "a\\.txt", "[\\--\\.]*", "\\<", "a\\_b",
	"x\\&y", "[&&a]*", "[a~~b]*", "[[:alpha:]]", "[a[b]c.txt", "\\w*", "\\q", "[\\w].txt", "[^/]*.txt", "a[/]b.txt", "star[\\*].txt",
}

var followed = [][]string{
	nil, {"main.py"}, {"a"}, {"a/b"}, {"."}, {"link"}, {"link/c"}, {"up"}, {"up/keep"}, {"loop"}, {"*.txt"}, {"li*"}, {"*/b"}, {"data/k*"},
	{"main.py", "docs/"}, {"/a/b"}, {"nothere"}, {"../a"}, {"foo[1].txt"}, {"foo\\[1\\].txt"}, {"link/*.txt"}, {"a", "a/b", "abc"}, {"s p"}, {"日本"}, {"a.txt/x"},
}

type golden struct {
	Ignore []string `json:"ignore"`
	Follow []string `json:"follow,omitempty"`
	// One character a path of the tree: 1 if it is sent. Absent where the client refuses.
	Sent string `json:"sent,omitempty"`
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func sent(root string, ignore, follow []string) string {
	fs, err := fsutil.NewFS(root)
	check(err)
	fs, err = fsutil.NewFilterFS(fs, &fsutil.FilterOpt{ExcludePatterns: ignore, FollowPaths: follow})
	if err != nil {
		return ""
	}
	seen := map[string]bool{}
	err = fs.Walk(context.Background(), "/", func(path string, _ gofs.DirEntry, err error) error {
		seen[path] = true
		return err
	})
	if err != nil {
		return ""
	}
	var bits strings.Builder
	for _, line := range tree {
		name, _, _ := strings.Cut(line, " -> ")
		if seen[strings.TrimSuffix(name, "/")] {
			bits.WriteByte('1')
		} else {
			bits.WriteByte('0')
		}
	}
	return bits.String()
}

func main() {
	root, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(root)
	for _, line := range tree {
		name, target, isLink := strings.Cut(line, " -> ")
		path := filepath.Join(root, name)
		switch {
		case isLink:
			check(os.Symlink(target, path))
		case strings.HasSuffix(name, "/"):
			check(os.Mkdir(path, 0o755))
		default:
			check(os.WriteFile(path, nil, 0o644))
		}
	}
	var cases []golden
	add := func(text string, follow []string) {
		ignore, err := ignorefile.ReadAll(strings.NewReader(text))
		check(err)
		cases = append(cases, golden{ignore, follow, sent(root, ignore, follow)})
	}
	for _, text := range written {
		add(text, nil)
	}
	for _, follow := range followed {
		add("", follow)
		add("*\n!a\n!data\na/b/c.txt", follow)
	}
	random := rand.New(rand.NewSource(1))
	pieces := []string{"a", "b", "c", "*", "**", "?", "/", "/", ".txt", "data", "keep", "raw", "docs", "deep", "*.md", "[a-d]", "[^a]", "a.txt", "\\a", ".", "lib", ".git", "\\*", "s p", "[]", "[*]", "^", "x"}
	for range 600 {
		var lines []string
		for range 1 + random.Intn(4) {
			line := ""
			if random.Intn(3) == 0 && len(lines) > 0 {
				line = "!"
			}
			for range 1 + random.Intn(5) {
				line += pieces[random.Intn(len(pieces))]
			}
			lines = append(lines, line)
		}
		var follow []string
		if random.Intn(4) == 0 {
			follow = followed[1+random.Intn(len(followed)-1)]
		}
		add(strings.Join(lines, "\n"), follow)
	}
	var origin []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if strings.HasSuffix(dep.Path, "/fsutil") || strings.HasSuffix(dep.Path, "/patternmatcher") {
				origin = append(origin, dep.Path+" "+dep.Version)
			}
		}
	}
	encode := func(value any) string {
		text, err := json.Marshal(value)
		check(err)
		return string(text)
	}
	fmt.Printf("{\"origin\": %s,\n\"tree\": %s,\n\"cases\": [\n", encode(origin), encode(tree))
	for i, c := range cases {
		comma := ","
		if i == len(cases)-1 {
			comma = ""
		}
		fmt.Println(encode(c) + comma)
	}
	fmt.Println("]}")
}
