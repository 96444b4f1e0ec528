"""What a stranger wrote, shown to people: it must not move a cursor."""


def plain(text: str) -> str:
    """The text with a mark for each character that cannot be printed."""
    return "".join(character if character.isprintable() else "�" for character in text)
