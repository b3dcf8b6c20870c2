"""Each executed page is offered as a notebook with its outputs."""

import nbformat


def test_a_page_is_written_as_a_notebook_with_outputs(project, executed):
    project.extensions += ["sitekit.downloads"]
    project.write(index="# T\n\n```{toctree}\nplain\n```\n", plain="# P\n")
    project.pages = {"index": executed()}
    project.build()
    found = nbformat.read(project.out / "_sources" / "index.ipynb", as_version=4)
    assert found.cells[0].outputs[0].text == "hello\n"
    assert not (project.out / "_sources" / "plain.ipynb").exists()


def test_new_outputs_are_written_though_no_page_was_read_again(project, executed):
    project.extensions += ["sitekit.downloads"]
    project.write(index="# T\n")
    project.pages = {"index": executed()}
    project.build()
    project.pages["index"].cells[0].outputs[0].text = "changed\n"
    project.build()
    assert project.read == []
    assert nbformat.read(project.out / "_sources" / "index.ipynb", as_version=4).cells[0].outputs[0].text == "changed\n"
