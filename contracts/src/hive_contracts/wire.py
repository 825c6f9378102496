"""Structs to protobuf messages and back, field by field of the same name.

How a pair of types matches is worked out once, when the pair is first met:

    str, int, float, bool      the field's value
    struct, or struct | None   a message, set or unset
    tuple[X, ...]              repeated
    dict[str, str]             map
    a union of tagged structs  the oneof of the field's name, else a message with a single oneof;
                               the member is the one that is named like the struct's tag

Both sides must have the same fields. A field that is unset in the message, or at zero where
protobuf cannot tell zero from unset, takes the struct's default.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message
from msgspec import inspect

S = TypeVar("S", bound=msgspec.Struct)
M = TypeVar("M", bound=Message)

Read = Callable[[Any], Any]
"""A protobuf value to a struct's value. Raises Misfit."""
Write = Callable[[Message, Any], None]
"""A struct's value into its field of a message."""


class Misfit(ValueError):
    """A message holds a value that its struct cannot hold."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}" if where else why)
        self.where = where
        self.why = why

    def within(self, parent: str) -> "Misfit":
        """The same misfit, seen from the message around it."""
        glue = "" if not self.where or self.where.startswith("[") else "."
        return Misfit(f"{parent}{glue}{self.where}", self.why)


def from_proto(message: Message, struct_type: type[S]) -> S:
    """The struct in a message. Raises Misfit with the place, such as `phases[0].tasks[2].retry`."""
    struct: S = _reader(struct_type, message.DESCRIPTOR)(message)
    return struct


def to_proto(struct: msgspec.Struct, message_type: type[M]) -> M:
    """The message of a struct."""
    message = message_type()
    fill(struct, message)
    return message


def fill(struct: msgspec.Struct, message: Message) -> None:
    """Write a struct into an empty message, and mark it as set in the message around it."""
    message.SetInParent()
    for write in _writers(type(struct), message.DESCRIPTOR):
        write(message, struct)


@functools.cache
def _reader(struct_type: type[msgspec.Struct], descriptor: Descriptor) -> Read:
    fields = {field.name: field for field in _struct_fields(struct_type)}
    targets = _targets(struct_type, descriptor)
    readers: dict[str, tuple[str, Read]] = {}
    for name, proto_fields in targets.items():
        for proto in proto_fields:
            readers[proto.name] = (name, _read_field(fields[name], proto))
    absent = {name: _zero(field.type) for name, field in fields.items() if field.required}

    def read(message: Message) -> msgspec.Struct:
        values = absent.copy()
        for proto, value in message.ListFields():
            name, convert = readers[proto.name]
            try:
                values[name] = convert(value)
            except Misfit as misfit:
                raise misfit.within(proto.name) from None
        for name, value in values.items():
            if value is _MISSING:
                raise Misfit(name, "is missing")
        return struct_type(**values)

    return read


def check_pair(struct_type: type[msgspec.Struct], descriptor: Descriptor) -> None:
    """Raises TypeError where a struct cannot be written to messages of a type."""
    _writers(struct_type, descriptor)


@functools.cache
def _writers(struct_type: type[msgspec.Struct], descriptor: Descriptor) -> tuple[Write, ...]:
    targets = _targets(struct_type, descriptor)
    return tuple(
        _write_field(field, targets[field.name], descriptor)
        for field in _struct_fields(struct_type)
    )


def _targets(
    struct_type: type[msgspec.Struct], descriptor: Descriptor
) -> dict[str, list[FieldDescriptor]]:
    """The protobuf fields of each field of the struct: one, or all members of a oneof."""
    targets: dict[str, list[FieldDescriptor]] = {}
    for field in _struct_fields(struct_type):
        if field.name in descriptor.oneofs_by_name:
            targets[field.name] = list(descriptor.oneofs_by_name[field.name].fields)
        elif field.name in descriptor.fields_by_name:
            targets[field.name] = [descriptor.fields_by_name[field.name]]
    matched = {proto.name for protos in targets.values() for proto in protos}
    odd = {field.name for field in _struct_fields(struct_type)} - set(targets)
    odd |= set(descriptor.fields_by_name) - matched
    if odd:
        raise TypeError(
            f"{struct_type.__name__} and {descriptor.full_name} differ in {', '.join(sorted(odd))}"
        )
    return targets


def _struct_fields(struct_type: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct_type)
    assert isinstance(info, inspect.StructType)
    return info.fields


_MISSING: Final = object()


def _zero(type: inspect.Type) -> Any:
    """What a required field is where its message field is unset."""
    match type:
        case inspect.StrType():
            return ""
        case inspect.IntType():
            return 0
        case inspect.FloatType():
            return 0.0
        case inspect.BoolType():
            return False
        case inspect.VarTupleType():
            return ()
        case inspect.DictType():
            return {}
        case _:
            return _MISSING


def _read_field(field: inspect.Field, proto: FieldDescriptor) -> Read:
    oneof = proto.containing_oneof
    match _bare(field.type):
        case inspect.VarTupleType(item_type=item):
            return _read_each(_read_single(item, proto))
        case inspect.DictType():
            return dict
        case inspect.UnionType() as union if oneof is not None and oneof.name == field.name:
            _check_members(union, oneof)
            return _reader(_members(union)[proto.name], _message_of(proto))
        case bare:
            return _read_single(bare, proto)


def _read_single(type: inspect.Type, proto: FieldDescriptor) -> Read:
    match type:
        case inspect.StrType() | inspect.IntType() | inspect.BoolType():
            return _as_it_is
        case inspect.FloatType():
            return _read_finite
        case inspect.LiteralType(values=values):
            return _read_literal(frozenset(values))
        case inspect.StructType(cls=cls):
            return _reader(cls, _message_of(proto))
        case inspect.UnionType() as union:
            _check_members(union, _only_oneof(_message_of(proto)))
            return _read_wrapped(_members(union), _message_of(proto))
    raise TypeError(f"{proto.full_name}: {type} has no form in protobuf")


def _as_it_is(value: Any) -> Any:
    return value


def _read_finite(value: float) -> float:
    if not math.isfinite(value):
        raise Misfit("", f"{value} is no number")
    return value


def _read_literal(values: frozenset[Any]) -> Read:
    def read(value: Any) -> Any:
        if value not in values:
            raise Misfit("", f"{value!r} is not one of {', '.join(map(repr, sorted(values)))}")
        return value

    return read


def _read_each(read_item: Read) -> Read:
    def read(values: Iterable[Any]) -> tuple[Any, ...]:
        items: list[Any] = []
        for value in values:
            try:
                items.append(read_item(value))
            except Misfit as misfit:
                raise misfit.within(f"[{len(items)}]") from None
        return tuple(items)

    return read


def _read_wrapped(members: Mapping[str, type[msgspec.Struct]], wrapper: Descriptor) -> Read:
    oneof = _only_oneof(wrapper)
    readers = {
        proto.name: _reader(members[proto.name], _message_of(proto)) for proto in oneof.fields
    }

    def read(message: Message) -> Any:
        member = message.WhichOneof(oneof.name)
        if member is None:
            raise Misfit("", f"needs one of {', '.join(readers)}")
        try:
            return readers[member](getattr(message, member))
        except Misfit as misfit:
            raise misfit.within(member) from None

    return read


def _write_field(field: inspect.Field, protos: list[FieldDescriptor], around: Descriptor) -> Write:
    name = field.name
    match _bare(field.type):
        case inspect.VarTupleType(item_type=item):
            return _write_repeated(name, item, protos[0])
        case inspect.DictType():
            return lambda message, struct: getattr(message, name).update(getattr(struct, name))
        case inspect.UnionType() as union if name in around.oneofs_by_name:
            return lambda message, struct: _write_member(message, getattr(struct, name))
        case inspect.UnionType() as union:
            _check_members(union, _only_oneof(_message_of(protos[0])))
            return lambda message, struct: _write_member(
                getattr(message, name), getattr(struct, name)
            )
        case inspect.StructType():
            return lambda message, struct: _write_message(message, name, getattr(struct, name))
        case _:
            return lambda message, struct: _write_scalar(message, name, getattr(struct, name))


def _write_scalar(message: Message, name: str, value: Any) -> None:
    if value is not None:
        setattr(message, name, value)


def _write_message(message: Message, name: str, value: msgspec.Struct | None) -> None:
    if value is not None:
        fill(value, getattr(message, name))


def _write_member(message: Message, value: msgspec.Struct | None) -> None:
    if value is not None:
        tag = type(value).__struct_config__.tag
        fill(value, getattr(message, str(tag)))


def _write_repeated(name: str, item: inspect.Type, proto: FieldDescriptor) -> Write:
    def messages(message: Message, struct: Any) -> None:
        repeated = getattr(message, name)
        for value in getattr(struct, name):
            fill(value, repeated.add())

    def wrapped(message: Message, struct: Any) -> None:
        repeated = getattr(message, name)
        for value in getattr(struct, name):
            _write_member(repeated.add(), value)

    match item:
        case inspect.StructType():
            return messages
        case inspect.UnionType() as union:
            _check_members(union, _only_oneof(_message_of(proto)))
            return wrapped
        case _:
            return lambda message, struct: getattr(message, name).extend(getattr(struct, name))


def _bare(type: inspect.Type) -> inspect.Type:
    """`X | None` as X: protobuf says None by leaving the field unset."""
    if not isinstance(type, inspect.UnionType):
        return type
    some = tuple(member for member in type.types if not isinstance(member, inspect.NoneType))
    return some[0] if len(some) == 1 else inspect.UnionType(some)


def _members(union: inspect.UnionType) -> dict[str, type[msgspec.Struct]]:
    """The structs of a union by their tags."""
    return {
        str(member.tag): member.cls
        for member in union.types
        if isinstance(member, inspect.StructType)
    }


def _message_of(proto: FieldDescriptor) -> Descriptor:
    if proto.message_type is None:
        raise TypeError(f"{proto.full_name} should be a message")
    return proto.message_type


def _only_oneof(wrapper: Descriptor) -> OneofDescriptor:
    if len(wrapper.oneofs) != 1:
        raise TypeError(f"{wrapper.full_name} should be nothing but one oneof")
    return wrapper.oneofs[0]


def _check_members(union: inspect.UnionType, oneof: OneofDescriptor) -> None:
    tags = set(_members(union))
    names = {proto.name for proto in oneof.fields}
    if tags != names:
        raise TypeError(f"{oneof.full_name}: {sorted(tags)} are not {sorted(names)}")
