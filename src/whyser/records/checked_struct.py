"""Records of which there are millions: msgspec checks, reads and writes them, pydantic explains.

msgspec takes a sixth of pydantic's time. What it refuses is given to pydantic, which has the last
word: it also accepts a `"16000"` for a number, and its errors name the wrong value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import msgspec
from pydantic import ConfigDict, Field, TypeAdapter, create_model
from pydantic_core import core_schema

S = TypeVar("S", bound="CheckedStruct")

_ENCODER = msgspec.json.Encoder()


class _Checking(msgspec.StructMeta):
    """Checks what a class is called with, as pydantic does and msgspec does not."""

    if not TYPE_CHECKING:

        def __call__(cls, **fields: Any) -> Any:
            return cls.model_validate(fields)


class CheckedStruct(
    msgspec.Struct, metaclass=_Checking, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """An immutable record with the methods of a pydantic model; an unknown key is an error.

    A string's pattern is given twice in its annotation, for msgspec and for pydantic.

    Raises: pydantic's `ValidationError` for fields that are wrong.
    """

    @classmethod
    def model_validate(cls: type[S], fields: Mapping[str, Any]) -> S:
        record: S
        try:
            record = msgspec.convert(fields, cls)
        except msgspec.ValidationError:
            record = _adapter(cls).validate_python(fields)
        return record

    @classmethod
    def model_validate_json(cls: type[S], line: str | bytes) -> S:
        record: S
        try:
            record = _decoder(cls).decode(line)
        except (msgspec.DecodeError, ValueError, RecursionError):
            record = _adapter(cls).validate_json(line)
        return record

    def model_copy(self: S, *, update: Mapping[str, Any]) -> S:
        """The record with other values, which are not checked."""
        return msgspec.structs.replace(self, **update)

    def model_dump_json(self) -> str:
        return self.line().decode()

    def line(self) -> bytes:
        """The record as JSON."""
        return _ENCODER.encode(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: Any) -> Any:
        """The same fields as a pydantic model, whose result becomes a record."""
        hints = get_type_hints(cls, include_extras=True)
        fields: dict[str, Any] = {
            each.name: (hints[each.name], _default(each)) for each in msgspec.structs.fields(cls)
        }
        model = create_model(cls.__name__, __config__=ConfigDict(extra="forbid"), **fields)

        def record(value: Any, checked: Any) -> Any:
            # A union of both would name two faults of each value.
            if isinstance(value, cls):
                return value
            try:
                return msgspec.convert(dict(checked(value)), cls)
            except msgspec.ValidationError as error:
                # A fault of several fields together, which no field of the model has.
                raise ValueError(str(error)) from None

        return core_schema.no_info_wrap_validator_function(record, handler.generate_schema(model))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    """The default as a field of a pydantic model has it."""
    if field.required:
        return ...
    if field.default_factory is not msgspec.NODEFAULT:
        return Field(default_factory=field.default_factory)
    return field.default


@cache
def _adapter(form: type[S]) -> TypeAdapter[S]:
    return TypeAdapter(form)


@cache
def _decoder(form: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(form)
