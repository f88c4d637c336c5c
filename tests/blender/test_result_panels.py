"""The panels' drawing code, on a layout that accepts exactly what Blender's own accepts: a window is not to be had here."""

import bpy
import pytest

from maskel_blender.panels import history, result

FUNCTIONS = {
    function.identifier: {parameter.identifier for parameter in function.parameters}
    for function in bpy.types.UILayout.bl_rna.functions
}
PROPERTIES = set(bpy.types.UILayout.bl_rna.properties.keys())


class Layout:
    """Notes what is drawn; a name that Blender's layout, the data or the add-on does not have is an error."""

    def __init__(self, lines, active=True):
        self.__dict__.update(lines=lines, enabled=active)

    def __setattr__(self, name, value):
        assert name in PROPERTIES
        self.__dict__[name] = value

    def __getattr__(self, name):
        assert name in FUNCTIONS, name

        def call(*given, **named):
            assert set(named) <= FUNCTIONS[name]
            state = "" if self.enabled else " (grey)"
            if name == "prop":
                assert hasattr(*given[:2])
                self.lines.append(given[1] + state)
            elif name == "label":
                self.lines.append(named["text"])
            elif name == "operator":
                self.lines.append(given[0])
                return Button(given[0].removeprefix("maskel."))
            return Layout(self.lines, self.enabled)

        return call


class Button:
    """Takes the properties that the operator has."""

    def __init__(self, operator):
        properties = getattr(bpy.ops.maskel, operator).get_rna_type().properties
        self.__dict__["names"] = set(properties.keys())

    def __setattr__(self, name, value):
        assert name in self.names


class Drawn:
    """Stands for the panel or list that Blender would make."""

    filter_name = ""
    bitflag_filter_item = 1 << 30

    def __init__(self):
        self.lines = []
        self.layout = Layout(self.lines)


def draw(cls):
    drawn = Drawn()
    cls.draw(drawn, bpy.context)
    return drawn.lines


def test_before_there_is_a_result(scene):
    assert "style" in draw(result.MASKEL_PT_result)
    assert draw(history.MASKEL_PT_history) == ["No X-ray in this file yet"]


def test_with_a_result(scene, character, server):
    server.faults.familiarity = 0.3
    bpy.ops.maskel.generate()
    lines = draw(result.MASKEL_PT_result)
    assert "X-ray Figure Camera" in lines
    assert "0.30" in " ".join(lines)
    assert "style" in lines
    scene.maskel.result.keep = "VERSIONS"
    bpy.ops.maskel.generate()
    lines = draw(history.MASKEL_PT_history)
    assert "maskel.version_step" in lines
    assert "Not for medical use" in lines


@pytest.mark.parametrize("placement", ["PLANE", "BACKGROUND"])
def test_what_is_grey_says_why(scene, character, server, placement):
    server.faults.without_layers = True
    bpy.ops.maskel.generate(placement=placement)
    lines = draw(result.MASKEL_PT_result)
    assert "style (grey)" in lines
    assert "sent no layers" in " ".join(lines)
    assert ("only_camera (grey)" in lines) == (placement == "BACKGROUND")


def test_the_list_shows_results_newest_first(scene, character, server):
    bpy.data.images.new("A picture of the user's", 8, 8)
    scene.maskel.result.keep = "VERSIONS"
    bpy.ops.maskel.generate()
    bpy.ops.maskel.generate()
    images = list(bpy.data.images)
    listed = Drawn()
    flags, places = history.MASKEL_UL_results.filter_items(listed, bpy.context, bpy.data, "images")
    assert sorted(places) == list(range(len(images)))
    rows = [
        image.name
        for _, image, flag in sorted(zip(places, images, flags, strict=True), key=lambda r: r[0])
        if flag
    ]
    assert rows == ["X-ray Figure Camera v2", "X-ray Figure Camera"]
    history.MASKEL_UL_results.draw_item(
        listed, bpy.context, listed.layout, None, bpy.data.images[rows[0]], 0, None, "", 0
    )
    assert listed.lines[0] == rows[0]
    listed.filter_name = "V2"
    flags, _ = history.MASKEL_UL_results.filter_items(listed, bpy.context, bpy.data, "images")
    assert sum(map(bool, flags)) == 1
