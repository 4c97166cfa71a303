"""What a Label Studio project says: its labelling interface, and the tags of its tasks."""

import pytest
from models import CLASSES

from swsss.errors import UserError
from swsss.serve.server.protocols.label_studio_config import BrushConfig, read_config, tags_of


def interface(labels=CLASSES.names[1:], brushes="BrushLabels", image="$image"):
    inside = "".join(f'<Label value="{name}"/>' for name in labels)
    return (
        f'<View><Image name="photo" value="{image}"/><{brushes} name="tag" toName="photo">{inside}</{brushes}></View>'
    )


def test_read_config():
    names = CLASSES.names[1:]
    assert read_config(interface(), CLASSES) == BrushConfig("image", "tag", "photo", {name: name for name in names}, ())


def test_read_config__labels_that_are_no_classes_and_classes_without_a_label():
    found = read_config(interface(["Cow", "dog", "background", ""]), CLASSES)
    assert (found.labels, found.left_out) == ({"dog": "dog"}, ("cat", "polar bear", "person"))


def test_read_config__aliases_and_names_in_any_case():
    found = read_config(
        '<?xml version="1.0" encoding="UTF-16"?><!-- ü --><view><image name="a" value="$scan"/><Image name="b"/>'
        '<BrushLabels name="other" toName="text"/><brushlabels name="paint" toName="a">'
        '<label value="Katze" alias="cat"/></brushlabels></view>',
        CLASSES,
    )
    assert (found.key, found.from_name, found.to_name, found.labels) == ("scan", "paint", "a", {"cat": "Katze"})


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><View>&b;</View>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><View>&a;</View>'


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (BOMB, "has a DOCTYPE"),
        (OUTSIDE, "has a DOCTYPE"),
        ("<View>", "is not well-formed XML"),
        ("", "is not well-formed XML"),
        ("\0", "is not well-formed XML"),
        ("<View>&nothing;</View>", "is not well-formed XML"),
        ("<View>" + " " * (1 << 20) + "</View>", "has more than 1048576 characters"),
        ("<a>" * 100_000 + "</a>" * 100_000, "has no BrushLabels for an Image"),
        (interface(brushes="PolygonLabels"), "has no BrushLabels for an Image"),
        (interface(image="http://x/y.jpg"), "has no value like"),
        (
            interface(("zebra", "background")),
            "No label of the BrushLabels 'tag' is a class of the model; its classes: cat",
        ),
    ],
)
def test_read_config__that_cannot_be_used(config, sentence):
    with pytest.raises(UserError) as caught:
        read_config(config, CLASSES)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("data", "tags"),
    [
        ({}, None),
        ({"tags": None}, None),
        ({"tags": "cat;polar bear"}, ("cat", "polar bear")),
        ({"tags": "cat, dog|person"}, ("cat", "dog", "person")),
        ({"tags": "polar bear"}, ("polar bear",)),
        ({"tags": ""}, ()),
        ({"tags": ["background"]}, ()),
        ({"tags": ["dog", "cat", "dog", ""]}, ("dog", "cat")),
        ({"labels": ["cat"]}, ("cat",)),
        ({"labels": [{"value": "cat", "background": "red"}]}, ("cat",)),
        ({"tags": "dog", "labels": ["cat"]}, ("dog",)),
    ],
)
def test_tags_of__data(data, tags):
    assert tags_of({"image": "x.png"} | data, [], CLASSES) == tags


def choices(*names, **more):
    return {"result": [{"type": "choices", "value": {"choices": list(names)}}]} | more


@pytest.mark.parametrize(
    ("annotations", "tags"),
    [
        ([choices("cat", "dog")], ("cat", "dog")),
        ([choices("cat"), choices("dog")], ("dog",)),
        ([choices("cat"), choices("dog", was_cancelled=True)], ("cat",)),
        ([choices("good")], None),
        ([choices("good"), choices("cat", "good")], ("cat",)),
        ([None, 7, {}, {"result": 1}, {"result": [1, {"value": 2}, {"value": {"choices": 3}}]}], None),
        ([choices(1, None, "cat")], ("cat",)),
    ],
)
def test_tags_of__annotations(annotations, tags):
    assert tags_of({}, annotations, CLASSES) == tags
    assert tags_of({"tags": "person"}, annotations, CLASSES) == ("person",)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"tags": ["catt"]}, "'tags' holds the unknown class 'catt'; did you mean 'cat'?"),
        ({"tags": "x" * 1000}, "holds the unknown class 'xxx"),
        ({"tags": 7}, "'tags' must be a list of classes"),
        ({"tags": {"cat": 1}}, "'tags' must be a list of classes"),
        ({"labels": [["cat"]]}, "'labels' holds something that is no name"),
    ],
)
def test_tags_of__wrong(data, sentence):
    with pytest.raises(UserError) as caught:
        tags_of(data, [], CLASSES)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 400
