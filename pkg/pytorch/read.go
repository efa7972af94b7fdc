package pytorch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"noisebook/pkg/safetensors"
)

// File is what a file holds: tensors by name.
type File struct {
	tensors map[string]*tensor
	closer  io.Closer
}

// Open opens a file; its tensors are read when they are asked for. Close it after the last.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pytorch: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("pytorch: %w", err)
	}
	file, err := New(f, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	file.closer = f
	return file, nil
}

// New reads what tensors a file of size bytes holds. The tensors themselves are
// read from r when they are asked for, so r must stay open.
func New(r io.ReaderAt, size int64) (*File, error) {
	var start [4]byte
	if _, err := r.ReadAt(start[:], 0); err != nil {
		return nil, fmt.Errorf("pytorch: too short for a file of torch.save: %w", err)
	}
	read := readLegacy
	if string(start[:]) == "PK\x03\x04" {
		read = readArchive
	}
	root, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("pytorch: %w", err)
	}
	file := &File{tensors: map[string]*tensor{}}
	if err := file.collect("", root, map[any]bool{}, 0); err != nil {
		return nil, fmt.Errorf("pytorch: %w", err)
	}
	if len(file.tensors) == 0 {
		return nil, fmt.Errorf("pytorch: no tensors by name: the file holds %s; save a state dict: torch.save(model.state_dict(), path)", describe(root))
	}
	return file, nil
}

// Close closes what [Open] opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Names are the tensors' names in increasing order. One in a dictionary inside
// another is named by both keys: a checkpoint's "state_dict.conv1.weight".
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.tensors)) }

// Has says whether the file holds a tensor of that name.
func (f *File) Has(name string) bool {
	_, ok := f.tensors[name]
	return ok
}

// Tensor reads a tensor into row-major order, whatever order it was saved in.
func (f *File) Tensor(name string) (safetensors.Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return safetensors.Tensor{}, fmt.Errorf("pytorch: no tensor %q among the file's %d", name, len(f.tensors))
	}
	data, err := t.read()
	if err != nil {
		return safetensors.Tensor{}, fmt.Errorf("pytorch: read tensor %q: %w", name, err)
	}
	return safetensors.Tensor{Name: name, DType: t.storage.dtype, Shape: slices.Clone(t.shape), Data: data}, nil
}

const (
	deepest     = 16  // levels of dictionaries that are searched for tensors
	longestName = 512 // bytes of a tensor's name
)

// collect finds the tensors in dictionaries and lists. Each of those is
// searched once, so that a file cannot make one out of many.
func (f *File) collect(name string, value any, seen map[any]bool, depth int) error {
	child := func(key string, value any) error {
		if name != "" {
			key = name + "." + key
		}
		if len(key) > longestName {
			return fmt.Errorf("a name of %d bytes (%.40q…): the file is damaged or no state dict", len(key), key)
		}
		return f.collect(key, value, seen, depth+1)
	}
	if t, ok := value.(*tensor); ok && depth > 0 {
		f.tensors[name] = t
		return nil
	}
	if depth == deepest || seen[container(value)] {
		return nil
	}
	switch v := value.(type) {
	case *dict:
		seen[v] = true
		for _, e := range v.entries {
			var key string
			switch k := e.key.(type) {
			case string:
				key = k
			case int64:
				key = fmt.Sprint(k)
			default:
				continue
			}
			if err := child(key, e.value); err != nil {
				return err
			}
		}
	case *list:
		seen[v] = true
		for i, item := range v.items {
			if err := child(fmt.Sprint(i), item); err != nil {
				return err
			}
		}
	}
	return nil
}

// container is a value that is searched and can be a map's key, or nil.
func container(value any) any {
	switch value.(type) {
	case *dict, *list:
		return value
	}
	return nil
}

func describe(value any) string {
	switch v := value.(type) {
	case *tensor:
		return "one tensor without a name"
	case *opaque:
		return fmt.Sprintf("an object of %.80q", v.maker.module+"."+v.maker.name)
	case *dict:
		return fmt.Sprintf("a dictionary of %d other things", len(v.entries))
	case *list:
		return fmt.Sprintf("a list of %d other things", len(v.items))
	}
	return "something else"
}

// readArchive reads the ZIP format: NAME/data.pkl is the pickle, NAME/data/KEY
// a storage's bytes, all stored as they are.
func readArchive(r io.ReaderAt, size int64) (any, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("the ZIP archive is damaged: %w", err)
	}
	members := map[string]*zip.File{}
	root := ""
	for _, member := range archive.File {
		members[member.Name] = member
		if path.Base(member.Name) == "data.pkl" && root == "" {
			root = path.Dir(member.Name)
		}
	}
	if root == "" {
		return nil, errors.New("a ZIP archive without data.pkl: torch.save did not write it")
	}
	section := func(name string) (*io.SectionReader, error) {
		member := members[path.Join(root, name)]
		if member == nil {
			return nil, fmt.Errorf("the archive lacks %.80q: the file is damaged", name)
		}
		if member.Method != zip.Store {
			return nil, fmt.Errorf("%.80q is compressed, which torch.save never does; save the file again", name)
		}
		from, err := member.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("%.80q: the archive is damaged: %w", name, err)
		}
		length := member.UncompressedSize64
		if from > size || length > uint64(size-from) {
			return nil, fmt.Errorf("%.80q claims %d bytes at %d of a file of %d: the file is truncated", name, length, from, size)
		}
		return io.NewSectionReader(r, from, int64(length)), nil
	}
	if _, isScript := members[path.Join(root, "constants.pkl")]; isScript {
		return nil, errors.New("the file holds a TorchScript program; save a state dict: torch.save(model.state_dict(), path)")
	}
	if order, err := section("byteorder"); err == nil && order.Size() < 16 {
		text, err := io.ReadAll(order)
		if err != nil {
			return nil, err
		}
		if string(text) == "big" {
			return nil, errors.New("a big-endian file is not read; save it on a little-endian machine")
		}
	}
	program, err := section("data.pkl")
	if err != nil {
		return nil, err
	}
	data := make([]byte, program.Size())
	if _, err := io.ReadFull(program, data); err != nil {
		return nil, err
	}
	loader := &loader{open: func(s *storage) error {
		content, err := section("data/" + s.key)
		if err != nil {
			return err
		}
		s.data = content
		return s.check(content.Size())
	}}
	value, _, err := unpickle(data, loader)
	return value, err
}

// The legacy format is five pickles (magic number, protocol, machine, object,
// keys of the storages), then of each storage its element count and its bytes.
const (
	legacyMagic    = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" // 0x1950a86a20f9469cfc6c
	legacyProtocol = 1001
)

func readLegacy(r io.ReaderAt, size int64) (any, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), data); err != nil {
		return nil, err
	}
	rest := data
	loader := &loader{open: func(*storage) error { return nil }} // where its bytes lie is known later
	next := func() (any, error) {
		value, length, err := unpickle(rest, loader)
		if err == nil {
			rest = rest[length:]
		}
		return value, err
	}
	magic, err := next()
	if err != nil || magic != any(legacyMagic) {
		return nil, errors.New("neither a ZIP archive nor a stream of torch.save's pickles: another format, or damaged")
	}
	protocol, err := next()
	if err != nil {
		return nil, err
	}
	if protocol != any(int64(legacyProtocol)) {
		return nil, fmt.Errorf("the stream's protocol is not %d: the file is damaged", legacyProtocol)
	}
	machine, err := next()
	if err != nil {
		return nil, err
	}
	if d, ok := machine.(*dict); ok && slices.Contains(d.entries, entry{"little_endian", false}) {
		return nil, errors.New("a big-endian file is not read; save it on a little-endian machine")
	}
	root, err := next()
	if err != nil {
		return nil, err
	}
	keys, err := next()
	if err != nil {
		return nil, err
	}
	order, ok := keys.(*list)
	if !ok {
		return nil, errors.New("the list of storages is missing: the file is damaged")
	}
	for _, key := range order.items {
		name, _ := key.(string)
		s := loader.storages[name]
		if s == nil || s.data != nil {
			return nil, fmt.Errorf("storage %.80q is not one that the pickle names once: the file is damaged", name)
		}
		if len(rest) < 8 || binary.LittleEndian.Uint64(rest) != uint64(s.elements) {
			return nil, fmt.Errorf("storage %.80q has not the %d elements that the pickle says: the file is damaged or truncated", name, s.elements)
		}
		rest = rest[8:]
		if err := s.check(int64(len(rest))); err != nil {
			return nil, err
		}
		length := s.elements * itemSizes[s.dtype]
		s.data = bytes.NewReader(rest[:length])
		rest = rest[length:]
	}
	for key, s := range loader.storages {
		if s.data == nil {
			return nil, fmt.Errorf("storage %.80q has no bytes: the file is truncated", key)
		}
	}
	return root, nil
}

// loader is the [builder] of both formats.
type loader struct {
	storages map[string]*storage
	open     func(*storage) error // finds a new storage's bytes
}

// persistent makes a storage of ("storage", class, key, location, elements, …).
func (l *loader) persistent(id any) (any, error) {
	t, ok := id.(tuple)
	if ok && len(t) > 0 && t[0] == any("module") { // source text that the legacy format keeps for a whole module
		return &opaque{}, nil
	}
	if !ok || len(t) < 5 || t[0] != any("storage") {
		return nil, errors.New("a reference to something that is no storage: the file is damaged or of a later PyTorch")
	}
	class, ok1 := t[1].(global)
	key, ok2 := t[2].(string)
	elements, ok3 := t[4].(int64)
	if !ok1 || !ok2 || !ok3 || elements < 0 {
		return nil, errors.New("a storage without class, key or size: the file is damaged")
	}
	if len(t) > 5 && t[5] != nil {
		return nil, errors.New("storages that are views of others are not read; save the file with a later PyTorch")
	}
	dtype, ok := storageTypes[strings.TrimSuffix(class.name, "Storage")]
	if !ok {
		return nil, fmt.Errorf("storages of %.80q are not read; convert the tensor to float, half or long", class.name)
	}
	if s := l.storages[key]; s != nil {
		if s.dtype != dtype || s.elements != int(elements) {
			return nil, fmt.Errorf("storage %.80q is described in two ways: the file is damaged", key)
		}
		return s, nil
	}
	s := &storage{key: key, dtype: dtype, elements: int(elements)}
	if err := l.open(s); err != nil {
		return nil, err
	}
	if l.storages == nil {
		l.storages = map[string]*storage{}
	}
	l.storages[key] = s
	return s, nil
}

// call carries out the few functions that make dictionaries and tensors.
func (l *loader) call(f global, arguments tuple) (any, error) {
	switch f {
	case global{"collections", "OrderedDict"}:
		return &dict{}, nil
	case global{"torch._utils", "_rebuild_tensor"}, global{"torch._utils", "_rebuild_tensor_v2"}:
		return newTensor(arguments)
	case global{"torch._utils", "_rebuild_parameter"}, global{"torch._utils", "_rebuild_parameter_with_state"}:
		if len(arguments) > 0 {
			if t, ok := arguments[0].(*tensor); ok {
				return t, nil
			}
		}
		return nil, errors.New("a parameter without a tensor: the file is damaged")
	case global{"torch._tensor", "_rebuild_from_type_v2"}: // (function, class, its arguments, attributes)
		if len(arguments) == 4 {
			inner, ok1 := arguments[0].(global)
			innerArguments, ok2 := arguments[2].(tuple)
			if ok1 && ok2 && inner != f {
				return l.call(inner, innerArguments)
			}
		}
		return nil, errors.New("a tensor of a class without a function that makes it: the file is damaged")
	}
	return &opaque{f}, nil
}
